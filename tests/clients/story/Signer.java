// SPDX-License-Identifier: Apache-2.0
// Signs on several threads at once with a key of a token: java Signer.java CONFIGURATION PIN-FILE ALIAS THREADS
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.Signature;
import java.util.ArrayList;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;

class Signer {
  public static void main(String[] arguments) throws Exception {
    var provider = Security.getProvider("SunPKCS11").configure(arguments[0]);
    var store = KeyStore.getInstance("PKCS11", provider);
    store.load(null, Files.readString(Path.of(arguments[1])).toCharArray());
    var key = (PrivateKey) store.getKey(arguments[2], null);
    var certificate = store.getCertificate(arguments[2]);
    int count = Integer.parseInt(arguments[3]);
    Callable<Integer> work = () -> {
      int good = 0;
      for (int i = 0; i < 10; ++i) {
        var signer = Signature.getInstance("SHA256withRSA", provider);
        signer.initSign(key);
        signer.update((Thread.currentThread().getName() + i).getBytes());
        byte[] signature = signer.sign();
        var verifier = Signature.getInstance("SHA256withRSA");
        verifier.initVerify(certificate);
        verifier.update((Thread.currentThread().getName() + i).getBytes());
        if (verifier.verify(signature)) ++good;
      }
      return good;
    };
    var pool = Executors.newFixedThreadPool(count);
    var all = new ArrayList<Callable<Integer>>();
    for (int i = 0; i < count; ++i) all.add(work);
    int good = 0;
    var results = pool.invokeAll(all);
    pool.shutdown();
    for (var one : results) good += one.get();
    System.out.println(good + " signatures on " + count + " threads");
  }
}
