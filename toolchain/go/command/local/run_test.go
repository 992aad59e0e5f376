package local

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-go-provider/infer"
)

func text(value string) *string { return &value }

// create runs the resource's create step, as `pulumi up` of a new resource does.
func create(t *testing.T, inputs CommandInputs) CommandOutputs {
	t.Helper()
	response, err := (&Command{}).Create(context.Background(),
		infer.CreateRequest[CommandInputs]{Name: "x", Inputs: inputs})
	if err != nil {
		t.Fatal(err)
	}
	return response.Output
}

func TestBothStreamsAreOutputsWithoutTheirLastLineEnd(t *testing.T) {
	state := create(t, CommandInputs{Create: text("echo out; echo; echo err >&2")})
	if state.Stdout != "out\n" || state.Stderr != "err" {
		t.Errorf("stdout %q, stderr %q", state.Stdout, state.Stderr)
	}
}

func TestPreviewRunsNothing(t *testing.T) {
	note := filepath.Join(t.TempDir(), "note")
	inputs := CommandInputs{Create: text("touch " + note), Update: text("touch " + note)}
	ctx := context.Background()
	command := &Command{}
	if _, err := command.Create(ctx, infer.CreateRequest[CommandInputs]{
		Name: "x", Inputs: inputs, DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := command.Update(ctx, infer.UpdateRequest[CommandInputs, CommandOutputs]{
		Inputs: inputs, DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(note); err == nil {
		t.Error("a preview ran the command")
	}
}

func TestWithoutUpdateCreateRunsAgainWithThePreviousOutput(t *testing.T) {
	inputs := CommandInputs{
		Create:      text(`echo "$NAME after [$PULUMI_COMMAND_STDOUT][$PULUMI_COMMAND_STDERR]"; echo e >&2`),
		Environment: &map[string]string{"NAME": "second"},
	}
	for _, row := range []struct {
		carry *bool
		want  string
	}{
		{nil, "second after [first][warned]"},
		{new(bool), "second after [][]"},
	} {
		inputs.AddPreviousOutputInEnv = row.carry
		response, err := (&Command{}).Update(context.Background(),
			infer.UpdateRequest[CommandInputs, CommandOutputs]{
				State:  CommandOutputs{Stdout: "first", Stderr: "warned"},
				Inputs: inputs,
			})
		if err != nil {
			t.Fatal(err)
		}
		if response.Output.Stdout != row.want {
			t.Errorf("stdout %q, want %q", response.Output.Stdout, row.want)
		}
	}
}

func TestUpdateRunsInsteadOfCreate(t *testing.T) {
	response, err := (&Command{}).Update(context.Background(),
		infer.UpdateRequest[CommandInputs, CommandOutputs]{
			Inputs: CommandInputs{Create: text("echo created"), Update: text("echo updated")},
		})
	if err != nil || response.Output.Stdout != "updated" {
		t.Errorf("stdout %q, error %v", response.Output.Stdout, err)
	}
}

func TestWithoutAnyCommandAnUpdateKeepsTheOutput(t *testing.T) {
	response, err := (&Command{}).Update(context.Background(),
		infer.UpdateRequest[CommandInputs, CommandOutputs]{State: CommandOutputs{Stdout: "kept"}})
	if err != nil || response.Output.Stdout != "kept" {
		t.Errorf("stdout %q, error %v", response.Output.Stdout, err)
	}
}

func TestDeleteSeesThePreviousOutput(t *testing.T) {
	note := filepath.Join(t.TempDir(), "note")
	state := CommandOutputs{
		CommandInputs: CommandInputs{Delete: text(`echo "$PULUMI_COMMAND_STDOUT" >` + note)},
		Stdout:        "the id",
	}
	_, err := (&Command{}).Delete(context.Background(),
		infer.DeleteRequest[CommandOutputs]{State: state})
	if err != nil {
		t.Fatal(err)
	}
	if written, _ := os.ReadFile(note); string(written) != "the id\n" {
		t.Errorf("delete saw %q", written)
	}
}

func TestAFailureShowsTheCommandAndBothStreams(t *testing.T) {
	_, err := (&Command{}).Create(context.Background(), infer.CreateRequest[CommandInputs]{
		Name: "x", Inputs: CommandInputs{Create: text("echo one; echo two >&2; exit 3")}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{
		"exit status 3: running \"echo one; echo two >&2; exit 3\":\n", "one\n", "two\n",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

func TestInterpreterDirAndStdin(t *testing.T) {
	folder := t.TempDir()
	state := create(t, CommandInputs{
		Create:      text(`printf '%s|%s|%s' "$0" "$PWD" "$(cat)"`),
		Interpreter: &[]string{"/bin/sh", "-e", "-c"},
		Dir:         &folder,
		Stdin:       text("fed"),
	})
	if want := "/bin/sh|" + folder + "|fed"; state.Stdout != want {
		t.Errorf("stdout %q, want %q", state.Stdout, want)
	}
}

func TestAFolderThatIsNotThereIsAnError(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "none")
	_, err := (&Command{}).Create(context.Background(), infer.CreateRequest[CommandInputs]{
		Name: "x", Inputs: CommandInputs{Create: text("true"), Dir: &folder}})
	if err == nil {
		t.Error("no error")
	}
}

func TestTheInputsEnvironmentWinsOverThePlugins(t *testing.T) {
	t.Setenv("VELPHARMA_NAME", "plugin")
	t.Setenv("VELPHARMA_OTHER", "plugin")
	state := create(t, CommandInputs{
		Create:      text(`echo "$VELPHARMA_NAME $VELPHARMA_OTHER"`),
		Environment: &map[string]string{"VELPHARMA_NAME": "input"},
	})
	if state.Stdout != "input plugin" {
		t.Errorf("stdout %q", state.Stdout)
	}
}

func TestLoggingChoosesWhatShowsAndNotWhatIsReturned(t *testing.T) {
	for _, row := range []struct {
		logging Logging
		out     bool
		err     bool
	}{{"", true, true}, {logBoth, true, true}, {logStdout, true, false}, {logStderr, false, true}, {logNone, false, false}} {
		var shown strings.Builder
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(&shown, nil)))
		inputs := CommandInputs{Create: text("echo to-stdout; echo to-stderr >&2")}
		if row.logging != "" {
			inputs.Logging = &row.logging
		}
		state := create(t, inputs)
		slog.SetDefault(before)
		if state.Stdout != "to-stdout" || state.Stderr != "to-stderr" {
			t.Errorf("%q: stdout %q, stderr %q", row.logging, state.Stdout, state.Stderr)
		}
		if out := strings.Contains(shown.String(), "to-stdout"); out != row.out {
			t.Errorf("%q: stdout shown: %v", row.logging, out)
		}
		if err := strings.Contains(shown.String(), "to-stderr"); err != row.err {
			t.Errorf("%q: stderr shown: %v", row.logging, err)
		}
	}
}

func TestLinesAreCutAtLineEndsAndNeverLost(t *testing.T) {
	var shown []string
	l := &lines{show: func(line string) { shown = append(shown, line) }}
	long := strings.Repeat("x", longestLine) + strings.Repeat("y", 10)
	for _, chunk := range []string{"on", "e\r\ntwo\n\nth", "ree\n", long, "\nlast"} {
		if n, err := l.Write([]byte(chunk)); n != len(chunk) || err != nil {
			t.Fatal(n, err)
		}
	}
	l.flush()
	want := []string{"one", "two", "", "three", strings.Repeat("x", longestLine),
		strings.Repeat("y", 10), "last"}
	if strings.Join(shown, "|") != strings.Join(want, "|") {
		t.Errorf("shown %d lines, want %d", len(shown), len(want))
	}
}
