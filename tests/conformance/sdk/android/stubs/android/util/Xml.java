package android.util;

import org.kxml2.io.KXmlParser;
import org.xmlpull.v1.XmlPullParser;
import org.xmlpull.v1.XmlPullParserException;

/** Android's parser is kXML, too. */
public final class Xml {
    public static XmlPullParser newPullParser() {
        try {
            XmlPullParser parser = new KXmlParser();
            parser.setFeature(XmlPullParser.FEATURE_PROCESS_NAMESPACES, true);
            return parser;
        } catch (XmlPullParserException error) {
            throw new AssertionError(error);
        }
    }
}
