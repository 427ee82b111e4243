import com.sun.xml.wss.impl.callback.SAMLValidator;
import java.time.Instant;
import java.util.Map;
import javax.security.auth.Subject;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.stream.XMLStreamReader;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMResult;
import javax.xml.transform.stax.StAXSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Metro verifies a signature that an assertion has, and asks neither for one nor for the time: so this does. */
public class Assertions implements SAMLValidator {
    private static final String SAML = "urn:oasis:names:tc:SAML:2.0:assertion";

    @Override
    public void validate(XMLStreamReader assertion, Map context, Subject client) {
        DOMResult read = new DOMResult();
        try {
            TransformerFactory.newInstance().newTransformer().transform(new StAXSource(assertion), read);
        } catch (TransformerException e) {
            throw refused("The assertion is no XML");
        }
        validate(((Document) read.getNode()).getDocumentElement(), context, client);
    }

    @Override
    public void validate(Element assertion, Map context, Subject client) {
        Element signature = only(assertion, XMLSignature.XMLNS, "Signature");
        Element reference = only(signature, XMLSignature.XMLNS, "Reference");
        if (signature.getParentNode() != assertion
                || !reference.getAttribute("URI").equals("#" + assertion.getAttribute("ID"))) {
            throw refused("The signature is not the assertion's");
        }
        Element conditions = only(assertion, SAML, "Conditions");
        if (!Instant.now().isBefore(Instant.parse(conditions.getAttribute("NotOnOrAfter")))) {
            throw refused("The assertion has expired");
        }
        client.getPublicCredentials().add(assertion);
    }

    @Override
    public void validate(XMLStreamReader assertion) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void validate(Element assertion) {
        throw new UnsupportedOperationException();
    }

    private static Element only(Element in, String namespace, String name) {
        NodeList found = in.getElementsByTagNameNS(namespace, name);
        if (found.getLength() != 1) {
            throw refused("There is not one " + name);
        }
        return (Element) found.item(0);
    }

    private static SecurityException refused(String why) {
        return new SecurityException(why);
    }
}
