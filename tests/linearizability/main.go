// Says of histories of one object each whether they are linearizable.
//
// A history is a line of JSON on standard input, its verdict one on standard output, in order:
// "Ok", "Illegal", or "Unknown" if it takes longer than a minute.  A picture of what is illegal goes
// to the folder that is named as the only argument.  porcupine decides; object.go is what it decides
// about.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/anishathalye/porcupine"
)

const longest = time.Minute

type history struct {
	Name       string      `json:"name"`
	Operations []operation `json:"operations"`
}

// operation has the times of call and answer in nanoseconds; no answer: it may happen at any time.
type operation struct {
	Client   int    `json:"client"`
	Called   int64  `json:"called"`
	Answered *int64 `json:"answered"`
	Asked    asked  `json:"asked"`
	Told     told   `json:"told"`
}

type verdict struct {
	Name    string                `json:"name"`
	Result  porcupine.CheckResult `json:"result"`
	Seconds float64               `json:"seconds"`
}

func main() {
	if err := judgeAll(json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judgeAll(histories *json.Decoder, verdicts *json.Encoder, pictures string) error {
	histories.DisallowUnknownFields()
	for {
		var one history
		if err := histories.Decode(&one); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		found, err := judge(one, pictures)
		if err != nil {
			return err
		}
		if err := verdicts.Encode(found); err != nil {
			return err
		}
	}
}

func judge(one history, pictures string) (verdict, error) {
	operations := make([]porcupine.Operation, 0, len(one.Operations))
	for _, each := range one.Operations {
		operations = append(operations, each.forChecker())
	}
	begun := time.Now()
	result := porcupine.CheckOperationsTimeout(model, operations, longest)
	found := verdict{one.Name, result, time.Since(begun).Seconds()}
	if result != porcupine.Illegal {
		return found, nil
	}
	_, why := porcupine.CheckOperationsVerbose(model, operations, longest)
	return found, porcupine.VisualizePath(model, why, filepath.Join(pictures, one.Name+".html"))
}

func (each operation) forChecker() porcupine.Operation {
	answered := int64(math.MaxInt64)
	if each.Answered != nil {
		answered = *each.Answered
	}
	return porcupine.Operation{
		ClientId: each.Client,
		Input:    each.Asked,
		Call:     each.Called,
		Output:   each.Told,
		Return:   answered,
	}
}
