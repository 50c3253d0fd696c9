package harness

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/xml"
	"mime/multipart"
	"net/http"
	"strings"
)

// Policy is a callback policy as documents write it.
type Policy struct {
	Name      string `xml:"PolicyName"`
	Callback  string
	Variables string `xml:"CallbackVar"`
}

type policies struct {
	XMLName xml.Name `xml:"BucketCallbackPolicy"`
	Items   []Policy `xml:"PolicyItem"`
}

// PoliciesNamed are the callback policies that tests put: one, to a path of the inbox.
func (s Settings) PoliciesNamed(name, path string) []Policy {
	return []Policy{{name, s.Callback(path, JSON), s.CallbackVariables()}}
}

// CallbackPolicies is the document of PoliciesNamed.
func (s Settings) CallbackPolicies(name, path string) string {
	return string(Must(xml.Marshal(policies{Items: s.PoliciesNamed(name, path)})))
}

// PoliciesOf are those of a document.
func PoliciesOf(text string) []Policy {
	var found policies
	Ok(xml.Unmarshal([]byte(text), &found))
	return found.Items
}

// CallbackNamed is the header value of a callback by a policy.
func CallbackNamed(policy string) string {
	return encoded(map[string]string{"callbackPolicy": policy})
}

// Trigger is the process that tells a path of the inbox about an object.
func (s Settings) Trigger(path string) string {
	return "trigger/callback,callback_" + s.Callback(path, JSON) + ",callback-var_" + s.CallbackVariables()
}

// Processed is the status that the inbox answers with on /processed.
func (s Settings) Processed() string { return "ProcessObject: " + s.Shared.Callback.Variables["note"] }

// HMAC is one step of signing by V4.
func HMAC(key []byte, text string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(text))
	return hash.Sum(nil)
}

// PostForm sends a form with a file to a bucket, as a browser would.
func (s Settings) PostForm(bucket string, fields [][2]string, content string) (int, string) {
	body := &bytes.Buffer{}
	form := multipart.NewWriter(body)
	for _, each := range fields {
		Ok(form.WriteField(each[0], each[1]))
	}
	Must(Must(form.CreateFormFile("file", "file.txt")).Write([]byte(content)))
	Ok(form.Close())
	headers := map[string]string{"Content-Type": form.FormDataContentType()}
	return Fetch(http.MethodPost, s.BareURL(bucket, ""), headers, body.Bytes())
}

// RefusedForm demands a status and a code of an answer that no SDK reads.
func RefusedForm(status int, text string, wantStatus int, wantCode string) {
	Equal("the error's status", status, wantStatus)
	True("the code is "+wantCode+" in "+text, strings.Contains(text, "<Code>"+wantCode+"</Code>"))
}
