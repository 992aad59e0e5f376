package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	provider "github.com/pulumi/pulumi-go-provider"
)

// run executes one command line and puts what it wrote and the files it left into state.
//
// A failing command is an error that shows the command and both its streams in the order they came.
func run(ctx context.Context, command string, state *CommandOutputs) error {
	arguments := append(interpreter(state.CommandInputs), command)
	cmd := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	cmd.Env = environment(*state)
	if state.Dir != nil {
		cmd.Dir = *state.Dir
	}
	if state.Stdin != nil {
		cmd.Stdin = strings.NewReader(*state.Stdin)
	}

	var stdout, stderr bytes.Buffer
	both := &shared{} // in the order written, for the error text
	shown := &lines{show: func(line string) { provider.GetLogger(ctx).InfoStatus(line) }}
	cmd.Stdout = io.MultiWriter(&stdout, both, shown.when(logs(state.Logging, logStdout)))
	cmd.Stderr = io.MultiWriter(&stderr, both, shown.when(logs(state.Logging, logStderr)))
	err := cmd.Run()
	shown.flush()
	if err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, command, both.text.String())
	}

	if err := collect(cmd.Dir, state); err != nil {
		return err
	}
	state.Stdout = strings.TrimSuffix(stdout.String(), "\n")
	state.Stderr = strings.TrimSuffix(stderr.String(), "\n")
	return nil
}

func interpreter(inputs CommandInputs) []string {
	switch {
	case inputs.Interpreter != nil && len(*inputs.Interpreter) > 0:
		return append([]string{}, *inputs.Interpreter...)
	case runtime.GOOS == "windows":
		return []string{"cmd", "/C"}
	default:
		return []string{"/bin/sh", "-c"}
	}
}

// environment is the plugin's own, then the inputs', then the previous run's output; later ones win.
func environment(state CommandOutputs) []string {
	variables := os.Environ()
	if state.Environment != nil {
		for name, value := range *state.Environment {
			variables = append(variables, name+"="+value)
		}
	}
	if state.AddPreviousOutputInEnv == nil || *state.AddPreviousOutputInEnv {
		if state.Stdout != "" {
			variables = append(variables, "PULUMI_COMMAND_STDOUT="+state.Stdout)
		}
		if state.Stderr != "" {
			variables = append(variables, "PULUMI_COMMAND_STDERR="+state.Stderr)
		}
	}
	return variables
}

// logs tells whether the stream shows under this setting.
func logs(setting *Logging, stream Logging) bool {
	return setting == nil || *setting == logBoth || *setting == stream
}

// shared is a buffer that two streams write to at once.
type shared struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (s *shared) Write(chunk []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.Write(chunk)
}

// longestLine bounds what one status line shows; a binary stream has no line ends at all.
const longestLine = 4096

// lines cuts a stream into lines and shows each.
type lines struct {
	mutex sync.Mutex
	rest  []byte
	show  func(string)
}

// when returns l, or a writer that swallows everything.
func (l *lines) when(wanted bool) io.Writer {
	if wanted {
		return l
	}
	return io.Discard
}

func (l *lines) Write(chunk []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.rest = append(l.rest, chunk...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found && len(line) < longestLine {
			return len(chunk), nil
		}
		if !found {
			line, rest = line[:longestLine], line[longestLine:]
		}
		l.show(strings.TrimSuffix(string(line), "\r"))
		l.rest = rest
	}
}

// flush shows a last line that has no line end.
func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.show(string(l.rest))
		l.rest = nil
	}
}
