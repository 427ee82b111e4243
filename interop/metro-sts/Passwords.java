import com.sun.xml.wss.impl.callback.PasswordValidationCallback.PasswordValidator;
import com.sun.xml.wss.impl.callback.PasswordValidationCallback.PlainTextPasswordRequest;
import com.sun.xml.wss.impl.callback.PasswordValidationCallback.Request;

/** The password of each user is its name. */
public class Passwords implements PasswordValidator {
    @Override
    public boolean validate(Request request) {
        if (!(request instanceof PlainTextPasswordRequest)) {
            return false;
        }
        PlainTextPasswordRequest asked = (PlainTextPasswordRequest) request;
        String name = String.valueOf(asked.getUsername());
        if (name.equals("gateway")) {
            return "gateway-secret".equals(asked.getPassword());
        }
        return name.matches("user\\d{1,3}") && name.equals(asked.getPassword());
    }
}
