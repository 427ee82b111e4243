import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.proc.SecurityContext;
import jakarta.servlet.http.HttpServletRequest;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.interfaces.RSAPublicKey;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.authentication.ProviderManager;
import org.springframework.security.authentication.dao.DaoAuthenticationProvider;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.core.userdetails.UsernameNotFoundException;
import org.springframework.security.crypto.password.NoOpPasswordEncoder;
import org.springframework.security.crypto.password.PasswordEncoder;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.server.authorization.InMemoryOAuth2AuthorizationService;
import org.springframework.security.oauth2.server.authorization.OAuth2Authorization;
import org.springframework.security.oauth2.server.authorization.OAuth2AuthorizationService;
import org.springframework.security.oauth2.server.authorization.OAuth2TokenType;
import org.springframework.security.oauth2.server.authorization.authentication.OAuth2TokenExchangeAuthenticationToken;
import org.springframework.security.oauth2.server.authorization.client.InMemoryRegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClient;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.settings.AuthorizationServerSettings;
import org.springframework.security.oauth2.server.authorization.settings.ClientSettings;
import org.springframework.security.oauth2.server.authorization.settings.OAuth2TokenFormat;
import org.springframework.security.oauth2.server.authorization.settings.TokenSettings;
import org.springframework.security.oauth2.server.authorization.token.JwtEncodingContext;
import org.springframework.security.oauth2.server.authorization.token.OAuth2TokenCustomizer;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.authentication.www.BasicAuthenticationFilter;
import org.springframework.security.web.context.SecurityContextHolderFilter;

/** Spring Authorization Server with clients and users of the trial: all in memory, users sign in by Basic. */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
public class Server {
    public static void main(String[] arguments) {
        SpringApplication.run(Server.class, arguments);
    }

    @Bean
    SecurityFilterChain chain(HttpSecurity http) throws Exception {
        return http.oauth2AuthorizationServer(server -> server.oidc(Customizer.withDefaults()))
                .authorizeHttpRequests(requests -> requests.anyRequest().authenticated())
                .addFilterAfter(signIn(), SecurityContextHolderFilter.class)
                .build();
    }

    /** Basic in the place of a page to sign in at. It has to come before the authorization endpoint. */
    private BasicAuthenticationFilter signIn() {
        DaoAuthenticationProvider provider = new DaoAuthenticationProvider(users());
        provider.setPasswordEncoder(passwords());
        return new BasicAuthenticationFilter(new ProviderManager(provider)) {
            @Override
            protected boolean shouldNotFilter(HttpServletRequest request) {
                return !request.getRequestURI().equals("/oauth2/authorize");
            }
        };
    }

    /** The password of each user is its name. */
    @Bean
    UserDetailsService users() {
        return name -> {
            if (!name.matches("user\\d{1,3}")) {
                throw new UsernameNotFoundException("no such user");
            }
            return User.withUsername(name).password(name).authorities("USER").build();
        };
    }

    /** Secrets of a trial are compared as they are, so that 200 users at once take a moment. */
    @Bean
    @SuppressWarnings("deprecation")
    PasswordEncoder passwords() {
        return NoOpPasswordEncoder.getInstance();
    }

    /** The one in memory, with one call at a time: of many at once it failed some. */
    @Bean
    OAuth2AuthorizationService authorizations() {
        OAuth2AuthorizationService inner = new InMemoryOAuth2AuthorizationService();
        return new OAuth2AuthorizationService() {
            @Override
            public synchronized void save(OAuth2Authorization authorization) {
                inner.save(authorization);
            }

            @Override
            public synchronized void remove(OAuth2Authorization authorization) {
                inner.remove(authorization);
            }

            @Override
            public synchronized OAuth2Authorization findById(String id) {
                return inner.findById(id);
            }

            @Override
            public synchronized OAuth2Authorization findByToken(String token, OAuth2TokenType type) {
                return inner.findByToken(token, type);
            }
        };
    }

    @Bean
    RegisteredClientRepository clients() {
        Consumer<RegisteredClient.Builder> signsIn = client -> client
                .authorizationGrantType(AuthorizationGrantType.AUTHORIZATION_CODE)
                .authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS)
                .redirectUri("http://127.0.0.1/callback");
        Consumer<RegisteredClient.Builder> exchanges =
                client -> client.authorizationGrantType(AuthorizationGrantType.TOKEN_EXCHANGE);
        Consumer<RegisteredClient.Builder> hasOpaqueTokens = client -> client.tokenSettings(
                TokenSettings.builder().accessTokenFormat(OAuth2TokenFormat.REFERENCE).build());
        return new InMemoryRegisteredClientRepository(
                client("shop", signsIn),
                // Its tokens ended a minute ago.
                client("late", signsIn),
                // Its tokens are for another client to exchange.
                client("bound", signsIn),
                client("opaque-shop", signsIn.andThen(hasOpaqueTokens)),
                // It may not exchange.
                client("machine",
                        client -> client.authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS)),
                client("gateway", exchanges.andThen(
                        client -> client.authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS))));
    }

    private static RegisteredClient client(String id, Consumer<RegisteredClient.Builder> more) {
        RegisteredClient.Builder client = RegisteredClient.withId(id)
                .clientId(id)
                .clientSecret(id + "-secret")
                .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_BASIC)
                .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_POST)
                .scope("orders.read")
                .clientSettings(ClientSettings.builder().requireProofKey(false).build());
        more.accept(client);
        return client.build();
    }

    /** What the server leaves open: the audience of a token, and the clients that may exchange it. */
    @Bean
    OAuth2TokenCustomizer<JwtEncodingContext> customizer() {
        return context -> {
            if (context.getAuthorizationGrant() instanceof OAuth2TokenExchangeAuthenticationToken exchange
                    && !exchange.getAudiences().isEmpty()) {
                context.getClaims().audience(List.copyOf(exchange.getAudiences()));
            }
            switch (context.getRegisteredClient().getClientId()) {
                case "late" -> context.getClaims()
                        .issuedAt(Instant.now().minusSeconds(120))
                        .notBefore(Instant.now().minusSeconds(120))
                        .expiresAt(Instant.now().minusSeconds(60));
                case "bound" -> context.getClaims().claim("may_act", Map.of("sub", "another"));
                default -> { }
            }
        };
    }

    @Bean
    JWKSource<SecurityContext> keys() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        KeyPair pair = generator.generateKeyPair();
        RSAKey key = new RSAKey.Builder((RSAPublicKey) pair.getPublic())
                .privateKey(pair.getPrivate()).keyIDFromThumbprint().build();
        return new ImmutableJWKSet<>(new JWKSet(key));
    }

    @Bean
    AuthorizationServerSettings settings() {
        return AuthorizationServerSettings.builder().build();
    }
}
