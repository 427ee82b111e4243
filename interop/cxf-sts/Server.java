import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.xml.ws.soap.SOAPBinding;
import org.apache.cxf.BusFactory;
import org.apache.cxf.jaxws.EndpointImpl;
import org.apache.cxf.sts.StaticSTSProperties;
import org.apache.cxf.sts.operation.TokenIssueOperation;
import org.apache.cxf.sts.service.StaticService;
import org.apache.cxf.sts.token.delegation.SAMLDelegationHandler;
import org.apache.cxf.sts.token.provider.DefaultConditionsProvider;
import org.apache.cxf.sts.token.provider.SAMLTokenProvider;
import org.apache.cxf.sts.token.validator.SAMLTokenValidator;
import org.apache.cxf.ws.security.sts.provider.SecurityTokenServiceProvider;
import org.apache.cxf.ws.security.wss4j.WSS4JInInterceptor;
import org.apache.wss4j.common.crypto.Crypto;
import org.apache.wss4j.common.crypto.CryptoFactory;
import org.apache.wss4j.common.ext.WSPasswordCallback;
import org.apache.wss4j.dom.handler.WSHandlerConstants;

/** The STS of Apache CXF, which knows users and the gateway by their passwords. */
public class Server {
    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        Properties store = new Properties();
        store.setProperty("org.apache.wss4j.crypto.provider", "org.apache.wss4j.common.crypto.Merlin");
        store.setProperty("org.apache.wss4j.crypto.merlin.keystore.file", arguments[1]);
        store.setProperty("org.apache.wss4j.crypto.merlin.keystore.password", "of-the-trial");
        store.setProperty("org.apache.wss4j.crypto.merlin.keystore.type", "PKCS12");
        Crypto crypto = CryptoFactory.getInstance(store);

        StaticSTSProperties properties = new StaticSTSProperties();
        properties.setSignatureCrypto(crypto);
        properties.setSignatureUsername("sts");
        properties.setCallbackHandler((CallbackHandler) Server::answer);
        properties.setIssuer("sts-of-the-trial");

        StaticService service = new StaticService();
        service.setEndpoints(List.of("https://app\\.example\\.com/.*"));
        String url = "http://" + address;
        publish(issuer(properties, service, 300), SOAPBinding.SOAP12HTTP_BINDING, url + "/sts");
        publish(issuer(properties, service, 300), SOAPBinding.SOAP11HTTP_BINDING, url + "/sts11");
        // Its assertions are soon over.
        publish(issuer(properties, service, 1), SOAPBinding.SOAP12HTTP_BINDING, url + "/late");
    }

    /** Assertions that live so many seconds. */
    private static SecurityTokenServiceProvider issuer(StaticSTSProperties properties, StaticService service, long life)
            throws Exception {
        DefaultConditionsProvider conditions = new DefaultConditionsProvider();
        conditions.setLifetime(life);
        SAMLTokenProvider assertions = new SAMLTokenProvider();
        assertions.setConditionsProvider(conditions);
        TokenIssueOperation issue = new TokenIssueOperation();
        issue.setStsProperties(properties);
        issue.setServices(List.of(service));
        issue.setTokenProviders(List.of(assertions));
        issue.setTokenValidators(List.of(new SAMLTokenValidator()));
        issue.setDelegationHandlers(List.of(new SAMLDelegationHandler()));
        SecurityTokenServiceProvider provider = new SecurityTokenServiceProvider();
        provider.setIssueOperation(issue);
        return provider;
    }

    private static void publish(SecurityTokenServiceProvider provider, String binding, String url) {
        EndpointImpl endpoint = new EndpointImpl(BusFactory.getDefaultBus(), provider, binding);
        Map<String, Object> wss = new HashMap<>();
        wss.put(WSHandlerConstants.ACTION, WSHandlerConstants.TIMESTAMP + " " + WSHandlerConstants.USERNAME_TOKEN);
        wss.put(WSHandlerConstants.PASSWORD_TYPE, "PasswordText");
        wss.put(WSHandlerConstants.PW_CALLBACK_REF, (CallbackHandler) Server::answer);
        endpoint.getInInterceptors().add(new WSS4JInInterceptor(wss));
        endpoint.publish(url);
    }

    /** The password of each user is its name. */
    private static void answer(Callback[] callbacks) {
        for (Callback callback : callbacks) {
            WSPasswordCallback asked = (WSPasswordCallback) callback;
            String name = String.valueOf(asked.getIdentifier());
            if (name.equals("sts")) {
                asked.setPassword("of-the-trial");
            } else if (name.equals("gateway")) {
                asked.setPassword("gateway-secret");
            } else if (name.matches("user\\d{1,3}")) {
                asked.setPassword(name);
            }
        }
    }
}
