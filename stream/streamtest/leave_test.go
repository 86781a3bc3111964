package streamtest_test

// leaveGoroutine starts a goroutine from what looks like no test file; those of test files are not held against a backend.
//
//line leave.go:1
func leaveGoroutine(until <-chan struct{}) { go func() { <-until }() }
