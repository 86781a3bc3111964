package rar

import (
	"fmt"
	"reflect"

	"github.com/nwaples/rardecode/v2"
)

// maxModel is the largest model of PPMd that a tool makes (the switch -mct of rar), in MiB. In memory it takes a third more.
const maxModel = 128

// look refuses a run that begins with a larger model, before the decoder makes one.
func (s *stream) look(b []byte) error {
	if s.lead == nil || len(s.lead) == cap(s.lead) {
		return nil
	}
	s.lead = append(s.lead, b[:min(len(b), cap(s.lead)-len(s.lead))]...)
	const ppmd, size = 0x80, 0x20 // it is a block of PPMd, and says how large the model is
	if len(s.lead) == 2 && s.lead[0]&(ppmd|size) == ppmd|size && int(s.lead[1])+1 > maxModel {
		return modelError(int64(s.lead[1]) + 1)
	}
	return nil
}

func modelError(mib int64) error {
	return fmt.Errorf("%w: unpacking takes a model of %d MiB", ErrLimit, mib)
}

// modelStep is how many packed bytes the decoder of a run that may have a model gets at a time. What is refused behind them has
// cost little yet: a new model is memory that nothing was written to.
const modelStep = 8 << 10

// checkModel refuses a model that has become too large in the middle of the run. That one comes shows nowhere but in what the decoder
// decodes, so that it has made it by then; but it goes no further.
func (u *Unpacker) checkModel() error {
	if u.dec == nil || u.src.lead == nil {
		return nil
	}
	if n := modelSize(u.dec) * 3 / 4 >> 20; n > maxModel {
		return modelError(n)
	}
	return nil
}

// modelSize is what the model of a decoder takes in memory, in bytes: 0 without one. The decoder does not say, but it can be seen. Should it
// look otherwise in a later version, a test fails.
func modelSize(dec *rardecode.Reader) int64 {
	f := inside(reflect.ValueOf(dec), "f")
	for range 4 { // what reads the decoder may have others around it
		if states := inside(f, "dec", "ppm", "m", "a", "states"); states.Kind() == reflect.Slice {
			return int64(states.Cap()) * int64(states.Type().Elem().Size())
		}
		f = inside(f, "archiveFile")
	}
	return 0
}

// inside follows the names of fields. What is not there is the zero Value.
func inside(v reflect.Value, fields ...string) reflect.Value {
	for _, name := range fields {
		for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return reflect.Value{}
		}
		v = v.FieldByName(name)
	}
	return v
}
