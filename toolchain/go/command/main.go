// Command pulumi-resource-command serves local.Command of the Pulumi package "command".
//
// It is built for machines that cannot reach Pulumi's download site and behaves as the official
// plugin's documentation describes (https://www.pulumi.com/registry/packages/command/). The remote
// resources and the local.run function, which this project does not use, are left out.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-go-provider/infer"

	"velpharma/toolchain/command/local"
)

// version is set by the linker to the version of the official plugin this one stands in for.
var version = "0.0.0"

func main() {
	plugin, err := infer.NewProviderBuilder().
		WithDisplayName("Command").
		WithDescription("Runs commands as part of a stack's life cycle.").
		WithHomepage("https://www.pulumi.com/registry/packages/command/").
		WithLicense("Apache-2.0").
		WithResources(infer.Resource(&local.Command{})).
		Build()
	if err == nil {
		err = plugin.Run(context.Background(), "command", version)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "failed to serve the command plugin: %v\n", err)
		os.Exit(1)
	}
}
