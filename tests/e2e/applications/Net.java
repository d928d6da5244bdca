// Java as server or client: HttpServer and HttpClient, NIO channels with a selector, DatagramChannel.
// usage: java Net.java serve HTTP NIO UDP | java Net.java ask ADDRESS HTTP NIO UDP
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

public class Net {
  static final int SIZE = 1 << 20;

  // Echoes what comes on connections, answers datagrams.
  static void serve(int httpPort, int nioPort, int udpPort) throws Exception {
    HttpServer http = HttpServer.create(new InetSocketAddress(httpPort), 0);
    http.createContext("/", exchange -> {
      byte[] body = ("java " + new String(exchange.getRequestBody().readAllBytes())).getBytes();
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    http.setExecutor(Executors.newCachedThreadPool());
    http.start();
    Selector selector = Selector.open();
    ServerSocketChannel listener = ServerSocketChannel.open();
    listener.bind(new InetSocketAddress(nioPort));
    listener.configureBlocking(false);
    listener.register(selector, SelectionKey.OP_ACCEPT);
    DatagramChannel datagrams = DatagramChannel.open();
    datagrams.bind(new InetSocketAddress(udpPort));
    datagrams.configureBlocking(false);
    datagrams.register(selector, SelectionKey.OP_READ);
    System.out.println("serving");
    while (true) {
      selector.select();
      var keys = selector.selectedKeys().iterator();
      while (keys.hasNext()) {
        SelectionKey key = keys.next();
        keys.remove();
        if (key.channel() == listener) {
          SocketChannel accepted = listener.accept();
          if (accepted == null) continue;
          accepted.configureBlocking(false);
          accepted.register(selector, SelectionKey.OP_READ, ByteBuffer.allocate(65536));
        } else if (key.channel() == datagrams) {
          ByteBuffer message = ByteBuffer.allocate(2000);
          var from = datagrams.receive(message);
          if (from == null) continue;
          message.flip();
          datagrams.send(ByteBuffer.wrap(("echo " + StandardCharsets.UTF_8.decode(message)).getBytes()), from);
        } else {
          echo(key);
        }
      }
    }
  }

  static void echo(SelectionKey key) throws Exception {
    SocketChannel channel = (SocketChannel) key.channel();
    ByteBuffer buffer = (ByteBuffer) key.attachment();
    if (key.isReadable() && channel.read(buffer) < 0 && buffer.position() == 0) {
      channel.close();
      return;
    }
    buffer.flip();
    channel.write(buffer);
    buffer.compact();
    key.interestOps(buffer.position() > 0 ? SelectionKey.OP_WRITE : SelectionKey.OP_READ);
  }

  static void ask(String host, int httpPort, int nioPort, int udpPort) throws Exception {
    HttpClient client = HttpClient.newHttpClient();
    HttpResponse<String> response = client.send(
        HttpRequest.newBuilder(URI.create("http://" + host + ":" + httpPort + "/"))
            .POST(HttpRequest.BodyPublishers.ofString("body")).build(),
        HttpResponse.BodyHandlers.ofString());
    System.out.println("http " + response.statusCode() + " " + response.body());

    Selector selector = Selector.open();
    SocketChannel channel = SocketChannel.open();
    channel.configureBlocking(false);
    channel.connect(new InetSocketAddress(host, nioPort));
    channel.register(selector, SelectionKey.OP_CONNECT);
    ByteBuffer out = ByteBuffer.allocate(SIZE);
    ByteBuffer in = ByteBuffer.allocate(SIZE + 1);
    while (in.position() < SIZE) {
      selector.select();
      for (SelectionKey key : selector.selectedKeys()) {
        if (key.isConnectable() && channel.finishConnect()) key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
        if (key.isValid() && key.isWritable()) {
          channel.write(out);
          if (!out.hasRemaining()) key.interestOps(SelectionKey.OP_READ);
        }
        if (key.isValid() && key.isReadable() && channel.read(in) < 0) throw new Exception("early end");
      }
      selector.selectedKeys().clear();
    }
    System.out.println("nio " + in.position() + " " + channel.getRemoteAddress().equals(new InetSocketAddress(host, nioPort)));

    DatagramChannel datagrams = DatagramChannel.open();
    datagrams.socket().setSoTimeout(1000);
    byte[] hello = "hello".getBytes();
    for (int i = 0; i < 30; ++i) {  // datagrams may be lost
      datagrams.send(ByteBuffer.wrap(hello), new InetSocketAddress(host, udpPort));
      var packet = new java.net.DatagramPacket(new byte[100], 100);
      try {
        datagrams.socket().receive(packet);
      } catch (java.net.SocketTimeoutException e) {
        continue;
      }
      System.out.println("datagram " + new String(packet.getData(), 0, packet.getLength()));
      return;
    }
  }

  public static void main(String[] words) throws Exception {
    int[] ports = new int[3];
    int first = words[0].equals("serve") ? 1 : 2;
    for (int i = 0; i < 3; ++i) ports[i] = Integer.parseInt(words[first + i]);
    if (first == 1) serve(ports[0], ports[1], ports[2]);
    else ask(words[1], ports[0], ports[1], ports[2]);
  }
}
