package login

import (
	"errors"

	"golang.org/x/sys/windows/registry"
)

// runKeys keeps items as values of the Run key of the user.
type runKeys struct{}

func here() (place, error) { return runKeys{}, nil }

func (runKeys) status(it Item) (Status, error) {
	var s Status
	approved, err := read(approvedKey, func(k registry.Key) ([]byte, error) {
		b, _, err := k.GetBinaryValue(it.ID)
		return b, err
	})
	if err != nil {
		return s, err
	}
	line, err := read(runKey, func(k registry.Key) (string, error) {
		v, _, err := k.GetStringValue(it.ID)
		return v, err
	})
	if err != nil {
		return s, err
	}
	if approved != nil {
		s.Where = `HKCU\` + approvedKey + `\` + it.ID
	}
	if line == "" || !isApproved(approved) {
		return s, nil
	}
	s.Where = `HKCU\` + runKey + `\` + it.ID
	s.Program = runProgram(line)
	s.State, s.Gone = it.stateOf(s.Program)
	return s, nil
}

// read reads a value of a key below HKEY_CURRENT_USER. It is the zero value when one of them is not there.
func read[T any](path string, get func(registry.Key) (T, error)) (v T, err error) {
	k, err := registry.OpenKey(registry.CURRENT_USER, path, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	defer k.Close()
	if v, err = get(k); errors.Is(err, registry.ErrNotExist) {
		err = nil
	}
	return v, err
}

// change opens a key below HKEY_CURRENT_USER, which is made when it is not there, and lets f change it.
func change(path string, f func(registry.Key) error) error {
	k, _, err := registry.CreateKey(registry.CURRENT_USER, path, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer k.Close()
	if err := f(k); err != nil && !errors.Is(err, registry.ErrNotExist) {
		return err
	}
	return nil
}

func (runKeys) enable(it Item) error {
	line, err := runValue(it)
	if err != nil {
		return err
	}
	if err := change(runKey, func(k registry.Key) error { return k.SetStringValue(it.ID, line) }); err != nil {
		return err
	}
	return change(approvedKey, func(k registry.Key) error { return k.DeleteValue(it.ID) })
}

// disable leaves a note behind that the user has decided, as the Task Manager does. An installer that writes the Run value again
// switches nothing on by that.
func (runKeys) disable(it Item) error {
	if err := change(approvedKey, func(k registry.Key) error { return k.SetBinaryValue(it.ID, notApproved()) }); err != nil {
		return err
	}
	return change(runKey, func(k registry.Key) error { return k.DeleteValue(it.ID) })
}

func (runKeys) forget(it Item) error {
	for _, key := range []string{runKey, approvedKey} {
		if err := change(key, func(k registry.Key) error { return k.DeleteValue(it.ID) }); err != nil {
			return err
		}
	}
	return nil
}
