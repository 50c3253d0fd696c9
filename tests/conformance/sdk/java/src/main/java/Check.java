import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.Callable;

import com.aliyun.oss.OSSException;

/** Demands; each failure says what it is about. */
final class Check {
    static void equal(String what, Object got, Object want) {
        if (!Objects.equals(got, want)) {
            throw new AssertionError(what + ": got " + got + ", want " + want);
        }
    }

    static void that(String what, boolean fact) {
        if (!fact) {
            throw new AssertionError(what + ": is not so");
        }
    }

    static void same(String what, byte[] got, byte[] want) {
        that(what + " (" + got.length + " of " + want.length + " bytes)", Arrays.equals(got, want));
    }

    /** The SDK's exception does not tell the status; its code does. */
    static OSSException refused(String code, Callable<?> call) throws Exception {
        try {
            call.call();
        } catch (OSSException error) {
            equal("code of " + error.getMessage(), error.getErrorCode(), code);
            equal("length of the request id", error.getRequestId().length(), 24);
            return error;
        }
        throw new AssertionError("not refused; wanted " + code);
    }

    private Check() {
    }
}
