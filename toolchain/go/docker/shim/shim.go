// Package shim hands out the upstream Terraform provider, whose constructor is internal to its module.
//
// Go lets a package import an internal one when its import path lies below the internal folder's
// parent; a nested module with the path …/terraform-provider-docker/shim therefore may.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// NewProvider returns the upstream provider in the form the bridge takes.
func NewProvider(version string) *schema.Provider {
	return provider.New(version)()
}
