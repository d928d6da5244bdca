import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/** Java's own HTTP server, with threads: it answers with the length of what it was sent. */
public class Serve {
  public static void main(String[] arguments) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(arguments[0])), 0);
    server.createContext("/", exchange -> {
      byte[] answer = ("java " + exchange.getRequestBody().readAllBytes().length + "\n").getBytes();
      exchange.sendResponseHeaders(200, answer.length);
      exchange.getResponseBody().write(answer);
      exchange.close();
    });
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.start();
    System.out.println("serving");
  }
}
