import java.util.Hashtable;
import javax.naming.Context;
import javax.naming.NamingException;
import javax.naming.directory.InitialDirContext;

/** Looks names up one after the other, and says of each whether it was found. */
class LookUp {
    public static void main(String[] names) throws NamingException {
        var environment = new Hashtable<String, String>();
        environment.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.dns.DnsContextFactory");
        environment.put(Context.PROVIDER_URL, System.getProperty("server"));
        var context = new InitialDirContext(environment);
        for (String name : names) {
            String result = "found";
            try {
                context.getAttributes(name, new String[] {"A"});
            } catch (NamingException error) {
                result = error.toString();
            }
            System.out.println(name + " " + result);
        }
    }
}
