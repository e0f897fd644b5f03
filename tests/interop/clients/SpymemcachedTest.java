// spymemcached: PLAIN at once, gets merged into GETQ… + NOOP, opaque asserted (run with -ea).

import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import net.spy.memcached.CASResponse;
import net.spy.memcached.CASValue;
import net.spy.memcached.ConnectionFactoryBuilder;
import net.spy.memcached.MemcachedClient;
import net.spy.memcached.auth.AuthDescriptor;
import net.spy.memcached.auth.PlainCallbackHandler;
import net.spy.memcached.transcoders.SerializingTranscoder;

public final class SpymemcachedTest {
  private static final String USER = System.getenv("MEMCACHE_USERNAME");
  private static final String PASSWORD = System.getenv("MEMCACHE_PASSWORD");
  private static final String OTHER_USER = System.getenv("MEMCACHE_OTHER_USERNAME");
  private static final String OTHER_PASSWORD = System.getenv("MEMCACHE_OTHER_PASSWORD");
  private static final boolean STOCK = "stock".equals(System.getenv("INTEROP_SERVER"));
  private static final int LIMIT = Integer.parseInt(System.getenv("INTEROP_ITEM_LIMIT"));
  private static final int TOO_BIG = Integer.parseInt(System.getenv("INTEROP_TOO_BIG"));

  interface Body {
    void run() throws Exception;
  }

  private static void check(String name, Body body) {
    try {
      body.run();
      System.out.println("ok " + name);
    } catch (Throwable e) {
      StackTraceElement[] trace = e.getStackTrace();
      int line = Arrays.stream(trace).filter(t -> t.getClassName().startsWith("SpymemcachedTest"))
          .filter(t -> !t.getMethodName().equals("same")).mapToInt(StackTraceElement::getLineNumber).findFirst().orElse(0);
      System.out.println("not ok " + name + ": line " + line + ": " + (e.toString() + " " + e.getCause()).replace('\n', ' '));
    }
    System.out.flush();
  }

  private static void same(Object got, Object expected) {
    boolean equal = got instanceof byte[] && expected instanceof byte[] ? Arrays.equals((byte[]) got, (byte[]) expected)
                                                                        : Objects.equals(got, expected);
    if (!equal) throw new IllegalStateException("got " + shortened(got) + ", expected " + shortened(expected));
  }

  private static String shortened(Object value) {
    String text = String.valueOf(value);
    return text.length() > 100 ? text.substring(0, 100) + "…" : text;
  }

  private static <T> T get(Future<T> future) throws Exception {
    return future.get(5, TimeUnit.SECONDS);
  }

  private static void refused(Callable<?> call) {
    Object result;
    try {
      result = call.call();
    } catch (Exception e) {
      return;
    }
    throw new IllegalStateException("no refusal: " + shortened(result));
  }

  private static void eventually(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + 5_000_000_000L;
    while (!condition.call()) {
      if (System.nanoTime() > deadline) throw new IllegalStateException("not within 5 s: " + what);
      Thread.sleep(50);
    }
  }

  private static byte[] filler(int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; ++i) bytes[i] = (byte) (i * 31 % 251);
    byte[] head = (size + ":").getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(head, 0, bytes, 0, Math.min(head.length, size));
    return bytes;
  }

  private static MemcachedClient client(String user, String password, long timeout) throws Exception {
    String[] server = System.getenv("MEMCACHE_SERVERS").split(":");
    SerializingTranscoder transcoder = new SerializingTranscoder(16 * 1024 * 1024);
    transcoder.setCompressionThreshold(Integer.MAX_VALUE);
    return new MemcachedClient(
        new ConnectionFactoryBuilder().setProtocol(ConnectionFactoryBuilder.Protocol.BINARY).setOpTimeout(timeout)
            .setTranscoder(transcoder).setDaemon(true)
            .setAuthDescriptor(new AuthDescriptor(new String[] {"PLAIN"}, new PlainCallbackHandler(user, password))).build(),
        List.of(new InetSocketAddress(server[0], Integer.parseInt(server[1]))));
  }

  private static MemcachedClient client(String user, String password) throws Exception {
    return client(user, password, 5000);
  }

  private static void refusedSignIn(String user, String password) throws Exception {
    MemcachedClient mc = client(user, password, 700);
    try {
      // A store is reported as cancelled or refused; a get, in this library, as a miss.
      refused(() -> mc.set("k", 0, "v").get(700, TimeUnit.MILLISECONDS) ? true : failed());
      refused(() -> mc.get("k") != null ? true : failed());
    } finally {
      mc.shutdown();
    }
  }

  private static Object failed() throws Exception {
    throw new Exception("not stored");
  }

  private static void readsAndWrites(MemcachedClient mc) {
    check("set_and_get", () -> {
      for (Object value : new Object[] {"value", 17, 1L << 40, List.of("a", "b"), "snow \u2603", ""}) {
        same(get(mc.set("k", 0, value)), true);
        same(mc.get("k"), value);
      }
      get(mc.set("raw", 0, new byte[] {0, 13, 10, -1}));
      same(mc.get("raw"), new byte[] {0, 13, 10, -1});
    });
    check("miss", () -> {
      same(mc.get("absent"), null);
      same(mc.gets("absent"), null);
      same(mc.getBulk("absent", "absent2"), Map.of());
    });
    check("multi_get", () -> {
      Map<String, Object> values = new HashMap<>();
      List<Future<Boolean>> stored = new ArrayList<>();
      for (int i = 0; i < 100; ++i) {
        values.put("multi:" + i, ("value " + i).repeat(i + 1));
        stored.add(mc.set("multi:" + i, 0, values.get("multi:" + i)));
      }
      for (Future<Boolean> each : stored) same(get(each), true);
      same(mc.getBulk(values.keySet()), values);
      List<String> some = new ArrayList<>(values.keySet());
      some.add("absent");
      same(mc.getBulk(some), values);
    });
    check("merged_gets", () -> {
      List<Future<Object>> futures = new ArrayList<>();
      for (int i = 0; i < 300; ++i) futures.add(mc.asyncGet(i % 3 == 0 ? "absent:" + i : "multi:" + i % 100));
      for (int i = 0; i < 300; ++i) same(get(futures.get(i)), i % 3 == 0 ? null : ("value " + i % 100).repeat(i % 100 + 1));
    });
    check("add_and_replace", () -> {
      same(List.of(get(mc.add("added", 0, "1")), get(mc.add("added", 0, "2"))), List.of(true, false));
      same(List.of(get(mc.replace("absent", 0, "1")), get(mc.replace("added", 0, "3"))), List.of(false, true));
      same(mc.get("added"), "3");
    });
    check("cas", () -> {
      get(mc.set("cas", 0, "1"));
      CASValue<Object> found = mc.gets("cas");
      same(mc.cas("cas", found.getCas(), "2"), CASResponse.OK);
      same(mc.cas("cas", found.getCas(), "3"), CASResponse.EXISTS);
      same(mc.cas("absent", found.getCas(), "3"), CASResponse.NOT_FOUND);
      same(mc.get("cas"), "2");
      same(get(mc.delete("cas", found.getCas())), false);
      same(get(mc.delete("cas", mc.gets("cas").getCas())), true);
    });
    check("append_and_prepend", () -> {
      get(mc.set("grows", 0, "b"));
      same(List.of(get(mc.append("grows", "c")), get(mc.prepend("grows", "a"))), List.of(true, true));
      same(mc.get("grows"), "abc");
      same(get(mc.append("absent", "x")), false);
    });
    check("incr_and_decr", () -> {
      same(mc.incr("n", 2, 40), 40L);
      same(List.of(mc.incr("n", 2), mc.decr("n", 40), mc.decr("n", 5)), List.of(42L, 2L, 0L));
      same(List.of(mc.incr("absent", 1), mc.decr("absent", 1)), List.of(-1L, -1L));
      same(mc.decr("down", 1, 7L, 3600), 7L);
      get(mc.set("text", 0, "abc"));
      same(mc.incr("text", 1), -1L);
      same(mc.get("text"), "abc");
    });
    check("delete", () -> {
      get(mc.set("deleted", 0, "1"));
      same(List.of(get(mc.delete("deleted")), get(mc.delete("deleted"))), List.of(true, false));
      same(mc.get("deleted"), null);
    });
  }

  private static void aboutTheServer(MemcachedClient mc) {
    check("stats", () -> {
      Map<String, String> figures = mc.getStats().values().iterator().next();
      for (String name : List.of("cmd_get", "cmd_set", "get_hits", "get_misses", "curr_connections", "version")) {
        if (!figures.containsKey(name)) throw new IllegalStateException("no " + name + " in " + figures.keySet());
      }
    });
    check("version", () -> {
      String version = mc.getVersions().values().iterator().next();
      if (!version.matches("\\d+\\.\\d+.*")) throw new IllegalStateException(version);
    });
    check("mechanisms", () -> {
      MemcachedClient another = client(USER, PASSWORD);
      get(another.set("listed", 0, "yes"));
      if (!another.listSaslMechanisms().contains("PLAIN")) throw new IllegalStateException("PLAIN is not listed");
      // A stock memcached takes the question for a sign-out.
      if (!STOCK) same(another.get("listed"), "yes");
      another.shutdown();
    });
  }

  private static void keysAndSizes(MemcachedClient mc) {
    check("unicode_keys", () -> {
      for (String key : List.of("schlüssel", "\u9375", "with space", "nul\0nul", "line\nfeed")) {
        same(get(mc.set(key, 0, "value of " + key)), true);
        same(mc.get(key), "value of " + key);
        same(mc.getBulk(key, "absent"), Map.of(key, "value of " + key));
      }
    });
    check("keys_of_250_bytes", () -> {
      get(mc.set("k".repeat(250), 0, "long"));
      get(mc.set("k".repeat(249), 0, "shorter"));
      same(List.of(mc.get("k".repeat(250)), mc.get("k".repeat(249))), List.of("long", "shorter"));
    });
    check("biggest_value", () -> {
      same(get(mc.set("big", 0, filler(LIMIT - 3))), true);
      same(mc.get("big"), filler(LIMIT - 3));
    });
    check("too_big", () -> {
      get(mc.set("big", 0, "old"));
      refused(() -> get(mc.set("big", 0, filler(TOO_BIG - 3))) ? true : failed());
      same(mc.get("big"), null);
    });
    check("append_too_big", () -> {
      get(mc.set("grown", 0, "old"));
      refused(() -> get(mc.append("grown", filler(TOO_BIG - 8))) ? true : failed());
      same(mc.get("grown"), "old");
      refused(() -> get(mc.prepend("grown", filler(TOO_BIG - 8))) ? true : failed());
      same(mc.get("grown"), "old");
    });
  }

  private static void basic() throws Exception {
    check("wrong_password", () -> refusedSignIn(USER, PASSWORD + "x"));
    check("other_tenants_password", () -> refusedSignIn(USER, OTHER_PASSWORD));
    check("unknown_user", () -> refusedSignIn("nobody-" + USER, PASSWORD));
    MemcachedClient mc = client(USER, PASSWORD);
    check("flush", () -> {
      get(mc.set("flushed", 0, "1"));
      same(get(mc.flush()), true);
      same(mc.get("flushed"), null);
      get(mc.set("flushed", 0, "2"));
      same(mc.get("flushed"), "2");
    });
    get(mc.set("expires", 2, "soon"));
    get(mc.set("touched", 3600, "soon"));
    get(mc.set("got", 3600, "soon"));
    get(mc.set("lasts", 3600, "long"));
    mc.incr("counts", 1, 5L, 2);
    check("touch", () -> {
      same(List.of(get(mc.touch("touched", 2)), get(mc.touch("absent", 2))), List.of(true, false));
      same(mc.get("touched"), "soon");
    });
    check("get_and_touch", () -> {
      same(mc.getAndTouch("got", 2).getValue(), "soon");
      same(mc.getAndTouch("absent", 2), null);
    });
    readsAndWrites(mc);
    aboutTheServer(mc);
    keysAndSizes(mc);
    check("expiry", () -> {
      for (String key : List.of("expires", "touched", "got", "counts")) eventually(key + " expires", () -> mc.get(key) == null);
      same(mc.get("lasts"), "long");
    });
    mc.shutdown(2, TimeUnit.SECONDS);
  }

  private static void isolation() throws Exception {
    MemcachedClient mine = client(USER, PASSWORD);
    MemcachedClient theirs = client(OTHER_USER, OTHER_PASSWORD);
    check("equal_keys", () -> {
      for (int i = 0; i < 100; ++i) {
        get(mine.set("same:" + i, 0, "mine " + i));
        get(theirs.set("same:" + i, 0, "theirs " + i));
      }
      for (int i = 0; i < 100; ++i) {
        same(mine.get("same:" + i), "mine " + i);
        get(mine.delete("same:" + i));
        same(theirs.get("same:" + i), "theirs " + i);
      }
    });
    check("hostile_keys", () -> {
      for (String line : Files.readAllLines(Path.of(System.getenv("INTEROP_HOSTILE_KEYS")))) {
        String key = new String(HexFormat.of().parseHex(line), StandardCharsets.UTF_8);
        same(mine.get(key), null);
        same(get(mine.set(key, 0, "mine " + key)), true);
        same(theirs.get(key), null);
        get(theirs.set(key, 0, "theirs"));
        same(mine.get(key), "mine " + key);
        get(mine.delete(key));
        same(theirs.get(key), "theirs");
        get(theirs.delete(key));
      }
      same(theirs.get("secret"), "of the other tenant");
    });
    check("flush_is_mine_alone", () -> {
      get(mine.set("x", 0, "1"));
      get(mine.flush());
      same(mine.get("x"), null);
      same(theirs.get("same:7"), "theirs 7");
      same(theirs.get("secret"), "of the other tenant");
    });
    mine.shutdown();
    theirs.shutdown();
  }

  public static void main(String[] arguments) throws Exception {
    System.setProperty("net.spy.log.LoggerImpl", "net.spy.memcached.compat.log.SunLogger");
    java.util.logging.LogManager.getLogManager().reset();
    if (arguments.length > 0 && arguments[0].equals("isolation")) isolation();
    else basic();
    System.exit(0);
  }
}
