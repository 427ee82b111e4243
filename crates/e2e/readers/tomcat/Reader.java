import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;

/** What Tomcat makes of a request for servlets, and for all that is built on them. */
public class Reader extends HttpServlet {
    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(Files.createTempDirectory(null).toString());
        tomcat.setPort(Integer.parseInt(System.getenv("PORT")));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("maxKeepAliveRequests", "-1");
        tomcat.getConnector().setProperty("keepAliveTimeout", "600000");
        Context context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "reader", new Reader());
        context.addServletMappingDecoded("/*", "reader");
        tomcat.start();
        tomcat.getServer().await();
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        // A servlet sees no difference between query and form.
        String[] values = request.getParameterValues("access_token");
        List<String> both = values == null ? List.of() : Arrays.asList(values);
        List<String> cookies = new ArrayList<>();
        for (Cookie cookie : request.getCookies() == null ? new Cookie[0] : request.getCookies()) {
            if (cookie.getName().equals("sts_token")) {
                cookies.add(cookie.getValue());
            }
        }
        List<String> headers = Collections.list(request.getHeaders("X-Target"));
        response.setContentType("application/json");
        response.setCharacterEncoding("UTF-8");
        response.getWriter().print("{\"query\":" + json(both) + ",\"form\":" + json(both) + ",\"both\":"
            + json(both) + ",\"cookie\":" + json(cookies) + ",\"header\":" + json(headers) + "}");
    }

    private static String json(List<String> values) {
        return values.stream().map(Reader::quote).collect(Collectors.joining(",", "[", "]"));
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        text.chars().forEach(character -> {
            boolean plain = character >= ' ' && character <= '~' && character != '"' && character != '\\';
            quoted.append(plain ? String.valueOf((char) character) : String.format("\\u%04x", character));
        });
        return quoted.append('"').toString();
    }
}
