import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import com.sun.xml.ws.security.trust.sts.BaseSTSImpl;
import jakarta.annotation.Resource;
import jakarta.xml.ws.BindingType;
import jakarta.xml.ws.Endpoint;
import jakarta.xml.ws.Provider;
import jakarta.xml.ws.Service;
import jakarta.xml.ws.ServiceMode;
import jakarta.xml.ws.WebServiceContext;
import jakarta.xml.ws.WebServiceProvider;
import jakarta.xml.ws.handler.MessageContext;
import jakarta.xml.ws.soap.SOAPBinding;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.xml.namespace.QName;
import javax.xml.transform.Source;
import javax.xml.transform.stream.StreamSource;

/** The STS of Metro, on the HTTP server of the JDK with TLS. */
public class Server {
    private static final Map<String, String> SOAP_12 = Map.of("BINDING", "http://schemas.xmlsoap.org/wsdl/soap12/");
    private static final Map<String, String> SOAP_11 = Map.of("BINDING", "http://schemas.xmlsoap.org/wsdl/soap/");
    private static final Map<String, String> TRUST_13 = Map.of(
            "TRUST", "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
            "POLICY", "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702",
            "VERSION", "Trust13",
            "RESPONSE", "RequestSecurityTokenResponseCollection",
            "ACTION", "RSTRC/IssueFinal");
    private static final Map<String, String> TRUST_12 = Map.of(
            "TRUST", "http://schemas.xmlsoap.org/ws/2005/02/trust",
            "POLICY", "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy",
            "VERSION", "Trust10",
            "RESPONSE", "RequestSecurityTokenResponse",
            "ACTION", "RSTR/Issue");
    private static final Map<String, String> PASSWORDS =
            Map.of("TOKEN", "UsernameToken", "PROFILE", "WssUsernameToken10");
    private static final Map<String, String> ASSERTIONS =
            Map.of("TOKEN", "SamlToken", "PROFILE", "WssSamlV20Token11");

    public static void main(String[] arguments) throws Exception {
        String host = arguments[0];
        int port = Integer.parseInt(arguments[1]);
        Path keys = Path.of(arguments[2]);
        Path wsdl = Path.of(arguments[3]);
        Map<String, String> store = Map.of("KEYS", keys.toString());
        Map<String, String> life = Map.of("LIFE", "300000");
        // Its assertions are soon over.
        Map<String, String> second = Map.of("LIFE", "1000");

        HttpsServer server = HttpsServer.create(new InetSocketAddress(host, port), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(tls(keys)));
        server.setExecutor(Executors.newFixedThreadPool(64));
        publish(server, "/sts", new Soap12(), wsdl, store, SOAP_12, TRUST_13, PASSWORDS, life);
        publish(server, "/sts12", new Soap11(), wsdl, store, SOAP_11, TRUST_12, PASSWORDS, life);
        publish(server, "/saml", new Soap12(), wsdl, store, SOAP_12, TRUST_13, ASSERTIONS, life);
        publish(server, "/late", new Soap12(), wsdl, store, SOAP_12, TRUST_13, PASSWORDS, second);
        server.start();
    }

    @SafeVarargs
    private static void publish(HttpsServer server, String path, Sts sts, Path wsdl, Map<String, String>... words)
            throws IOException {
        String text = Files.readString(wsdl);
        for (Map<String, String> some : words) {
            for (Map.Entry<String, String> word : some.entrySet()) {
                text = text.replace("%" + word.getKey() + "%", word.getValue());
            }
        }
        Endpoint endpoint = Endpoint.create(sts);
        endpoint.setMetadata(List.of(new StreamSource(new StringReader(text), wsdl.toUri().toString())));
        endpoint.setProperties(Map.of(
                Endpoint.WSDL_SERVICE, new QName("urn:of-the-trial", "Service"),
                Endpoint.WSDL_PORT, new QName("urn:of-the-trial", "Port")));
        endpoint.publish(server.createContext(path));
    }

    private static SSLContext tls(Path keys) throws Exception {
        char[] password = "of-the-trial".toCharArray();
        KeyStore store = KeyStore.getInstance("JKS");
        try (InputStream file = Files.newInputStream(keys)) {
            store.load(file, password);
        }
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(store, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(factory.getKeyManagers(), null, null);
        return context;
    }

    @WebServiceProvider
    @ServiceMode(Service.Mode.PAYLOAD)
    @BindingType(SOAPBinding.SOAP12HTTP_BINDING)
    public static class Soap12 extends Sts {}

    @WebServiceProvider
    @ServiceMode(Service.Mode.PAYLOAD)
    @BindingType(SOAPBinding.SOAP11HTTP_BINDING)
    public static class Soap11 extends Sts {}

    /** All of it is Metro's. */
    public abstract static class Sts extends BaseSTSImpl implements Provider<Source> {
        @Resource
        protected WebServiceContext context;

        @Override
        protected MessageContext getMessageContext() {
            return context.getMessageContext();
        }
    }
}
