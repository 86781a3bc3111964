package app

import (
	"crypto/rand"
	"fmt"
	"os"
	"sync"
)

// A secret is what the sessions of browsers are signed with, in a file that only the user can read: a browser stays logged in when
// the program starts again.
type secret struct {
	file string

	mu   sync.Mutex
	text []byte
}

// minSecret is the least length of one, in bytes of rand.Text: 100 bits.
const minSecret = 20

// openSecret reads the secret in file. One that is missing or damaged is made anew.
func openSecret(file string) (*secret, error) {
	s := &secret{file: file}
	data, err := os.ReadFile(file)
	if err == nil && len(data) >= minSecret {
		s.text = data
		return s, nil
	}
	return s, s.Renew()
}

// Secret implements web.Secret.
func (s *secret) Secret() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text
}

// Renew implements web.Secret. The new one holds even when the file cannot be written.
func (s *secret) Renew() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = []byte(rand.Text())
	if err := replaceFile(s.file, s.text, true); err != nil {
		return fmt.Errorf("secret of the sessions: %w", err)
	}
	return nil
}
