// Package local holds the resource command:local:Command; its name is the token's module.
package local

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
)

// Command runs a command line when the resource is created, changed and deleted.
type Command struct{}

// Logging says which of a command's streams show while it runs; both are outputs in any case.
type Logging string

const (
	logStdout Logging = "stdout"
	logStderr Logging = "stderr"
	logBoth   Logging = "stdoutAndStderr"
	logNone   Logging = "none"
)

// Values lists what `logging` accepts; infer refuses anything else.
func (Logging) Values() []infer.EnumValue[Logging] {
	return []infer.EnumValue[Logging]{
		{Name: "stdout", Value: logStdout, Description: "Show stdout only"},
		{Name: "stderr", Value: logStderr, Description: "Show stderr only"},
		{Name: "stdoutAndStderr", Value: logBoth, Description: "Show both, the default"},
		{Name: "none", Value: logNone, Description: "Show neither"},
	}
}

// CommandInputs are what a program sets. Pointers keep "not set" apart from an empty value.
type CommandInputs struct {
	Create                 *string            `pulumi:"create,optional"`
	Update                 *string            `pulumi:"update,optional"`
	Delete                 *string            `pulumi:"delete,optional"`
	Triggers               *[]any             `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Interpreter            *[]string          `pulumi:"interpreter,optional"`
	Dir                    *string            `pulumi:"dir,optional"`
	Environment            *map[string]string `pulumi:"environment,optional"`
	Stdin                  *string            `pulumi:"stdin,optional"`
	Logging                *Logging           `pulumi:"logging,optional"`
	AssetPaths             *[]string          `pulumi:"assetPaths,optional"`
	ArchivePaths           *[]string          `pulumi:"archivePaths,optional"`
	AddPreviousOutputInEnv *bool              `pulumi:"addPreviousOutputInEnv,optional"`
}

// Annotate documents the inputs whose name does not say it all, and sets the one default.
func (c *CommandInputs) Annotate(a infer.Annotator) {
	a.Describe(&c.Update, "Run when an input changed; without it, create runs again.")
	a.Describe(&c.Triggers, "Any change in these values runs the command again.")
	a.Describe(&c.Interpreter, "What runs the command; /bin/sh -c, on Windows cmd /C, by default.")
	a.Describe(&c.AssetPaths, "Globs of files to return as assets; a leading ! excludes.")
	a.Describe(&c.ArchivePaths, "Globs of files to return as one archive; a leading ! excludes.")
	a.Describe(&c.AddPreviousOutputInEnv,
		"Whether PULUMI_COMMAND_STDOUT and PULUMI_COMMAND_STDERR carry the previous output.")
	a.SetDefault(&c.AddPreviousOutputInEnv, true)
}

// CommandOutputs are the inputs and what the last run gave.
type CommandOutputs struct {
	CommandInputs
	Stdout  string                   `pulumi:"stdout"`
	Stderr  string                   `pulumi:"stderr"`
	Assets  *map[string]*asset.Asset `pulumi:"assets,optional"`
	Archive *archive.Archive         `pulumi:"archive,optional"`
}

// Create runs `create`, if there is one.
func (*Command) Create(
	ctx context.Context, req infer.CreateRequest[CommandInputs],
) (infer.CreateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs}
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err == nil && !req.DryRun && req.Inputs.Create != nil {
		err = run(ctx, *req.Inputs.Create, &state)
	}
	return infer.CreateResponse[CommandOutputs]{ID: id, Output: state}, err
}

// Update runs `update`, or `create` where there is none; without either the outputs stay.
func (*Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandInputs, CommandOutputs],
) (infer.UpdateResponse[CommandOutputs], error) {
	state := req.State
	state.CommandInputs = req.Inputs
	command := req.Inputs.Update
	if command == nil {
		command = req.Inputs.Create
	}
	var err error
	if !req.DryRun && command != nil {
		err = run(ctx, *command, &state)
	}
	return infer.UpdateResponse[CommandOutputs]{Output: state}, err
}

// Delete runs `delete`, if there is one.
func (*Command) Delete(
	ctx context.Context, req infer.DeleteRequest[CommandOutputs],
) (infer.DeleteResponse, error) {
	var err error
	if req.State.Delete != nil {
		err = run(ctx, *req.State.Delete, &req.State)
	}
	return infer.DeleteResponse{}, err
}
