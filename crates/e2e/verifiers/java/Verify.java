import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jwa.AlgorithmConstraints.ConstraintType;
import org.jose4j.jwk.HttpsJwks;
import org.jose4j.jwt.consumer.InvalidJwtException;
import org.jose4j.jwt.consumer.JwtConsumer;
import org.jose4j.jwt.consumer.JwtConsumerBuilder;
import org.jose4j.jwt.consumer.JwtContext;
import org.jose4j.keys.resolvers.HttpsJwksVerificationKeyResolver;

/** Verifies tokens with jose4j: Verify URL-of-keys issuer audience, a token a line. */
public class Verify {
    public static void main(String[] arguments) throws Exception {
        HttpsJwks keys = new HttpsJwks(arguments[0]);
        AlgorithmConstraints algorithms = new AlgorithmConstraints(
            ConstraintType.PERMIT, "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
            "ES384", "ES512", "EdDSA");
        JwtConsumer consumer = new JwtConsumerBuilder()
            .setVerificationKeyResolver(new HttpsJwksVerificationKeyResolver(keys))
            .setJwsAlgorithmConstraints(algorithms)
            .setExpectedIssuer(arguments[1])
            .setExpectedAudience(arguments[2])
            .setRequireExpirationTime()
            .setRequireIssuedAt()
            .setRequireJwtId()
            .setRequireSubject()
            .setExpectedType(true, "JWT")
            .build();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            try {
                JwtContext context = consumer.process(line.trim());
                String algorithm = context.getJoseObjects().get(0).getAlgorithmHeaderValue();
                System.out.println("ok " + algorithm + " " + context.getJwtClaims().getSubject());
            } catch (InvalidJwtException error) {
                System.out.println("refused " + error.getClass().getSimpleName());
            }
        }
    }
}
