package android.content;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Settings of an application. */
public interface SharedPreferences {
    String getString(String key, String fallback);

    boolean contains(String key);

    Editor edit();

    interface Editor {
        Editor putString(String key, String value);

        Editor remove(String key);

        boolean commit();

        void apply();
    }

    final class InMemory implements SharedPreferences, Editor {
        private final Map<String, String> values = new ConcurrentHashMap<>();

        @Override
        public String getString(String key, String fallback) {
            return values.getOrDefault(key, fallback);
        }

        @Override
        public boolean contains(String key) {
            return values.containsKey(key);
        }

        @Override
        public Editor edit() {
            return this;
        }

        @Override
        public Editor putString(String key, String value) {
            values.put(key, value);
            return this;
        }

        @Override
        public Editor remove(String key) {
            values.remove(key);
            return this;
        }

        @Override
        public boolean commit() {
            return true;
        }

        @Override
        public void apply() {}
    }
}
