package main

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// asked is what a client wants done to the object.
type asked struct {
	Kind      string `json:"kind"`      // put copy append mark delete get head
	Content   string `json:"content"`   // put, copy, append: names of the pieces
	Size      int64  `json:"size"`      // put, copy, append: bytes
	ETag      string `json:"etag"`      // put, copy: what it will be; get: If-None-Match
	Exclusive bool   `json:"exclusive"` // put, copy: x-oss-forbid-overwrite
	Position  int64  `json:"position"`  // append
	Mark      string `json:"mark"`      // mark: the metadata that a copy onto itself sets
}

// told is the answer; Outcome is "ok", an error code, or empty where nobody knows.
type told struct {
	Outcome    string `json:"outcome"`
	Content    string `json:"content"`    // get
	Size       int64  `json:"size"`       // get, head; append: the next position
	ETag       string `json:"etag"`       // everything but delete
	Mark       string `json:"mark"`       // get, head
	Appendable bool   `json:"appendable"` // get, head
}

// object is the state.  The ETag of what was appended is opaque: empty until somebody is told it.
type object struct {
	exists, appendable  bool
	content, etag, mark string
	size                int64
}

const (
	ok              = "ok"
	absent          = "NoSuchKey"
	exists          = "FileAlreadyExists"
	notAppendable   = "ObjectNotAppendable"
	anotherPosition = "PositionNotEqualToLength"
	notModified     = "NotModified"
)

var model = porcupine.Model{
	Init: func() any { return object{} },
	Step: func(state, input, output any) (bool, any) {
		return step(state.(object), input.(asked), output.(told))
	},
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v -> %+v", input, output)
	},
	DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
}

// step says whether the answer is right in this state, and which state follows.
func step(before object, in asked, out told) (bool, object) {
	switch in.Kind {
	case "put", "copy":
		return put(before, in, out)
	case "append":
		return grow(before, in, out)
	case "mark":
		return mark(before, in, out)
	case "delete":
		return is(out, ok), object{}
	case "get", "head":
		return look(before, in, out)
	}
	panic("unknown kind of operation: " + in.Kind)
}

// is holds of an answer that nobody heard, too.
func is(out told, outcome string) bool {
	return out.Outcome == outcome || out.Outcome == ""
}

func put(before object, in asked, out told) (bool, object) {
	if in.Exclusive && before.exists {
		return is(out, exists), before
	}
	after := object{exists: true, content: in.Content, size: in.Size, etag: in.ETag}
	return is(out, ok) && agrees(out, in.ETag), after
}

// agrees says whether the ETag that was told, if any was, is the one.
func agrees(out told, etag string) bool {
	return out.ETag == "" || out.ETag == etag
}

func grow(before object, in asked, out told) (bool, object) {
	if before.exists && !before.appendable {
		return is(out, notAppendable), before
	}
	if in.Position != before.size {
		return is(out, anotherPosition) && (out.Outcome == "" || out.Size == before.size), before
	}
	after := before
	after.exists, after.appendable = true, true
	after.content += in.Content
	after.size += in.Size
	after.etag = out.ETag
	return is(out, ok) && (out.Outcome == "" || out.Size == after.size), after
}

func mark(before object, in asked, out told) (bool, object) {
	if !before.exists {
		return is(out, absent), before
	}
	after, right := learn(before, out)
	after.mark = in.Mark
	return is(out, ok) && right, after
}

// learn fills in an ETag that nobody was told before, and refuses another one.
func learn(state object, out told) (object, bool) {
	if state.etag == "" {
		state.etag = out.ETag
	}
	return state, agrees(out, state.etag)
}

func look(before object, in asked, out told) (bool, object) {
	if !before.exists {
		return is(out, absent), before
	}
	after, right := learn(before, out)
	if in.ETag != "" && out.ETag == in.ETag {
		return is(out, notModified) && right, after
	}
	same := out.Size == after.size && out.Mark == after.mark && out.Appendable == after.appendable
	if in.Kind == "get" {
		same = same && out.Content == after.content
	}
	return is(out, ok) && right && same, after
}
