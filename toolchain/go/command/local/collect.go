package local

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gobwas/glob"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
)

// collect fills the outputs `assets` and `archive` from the files that the path globs choose.
//
// An empty directory stands for the plugin's own working directory.
func collect(directory string, state *CommandOutputs) error {
	if state.AssetPaths == nil && state.ArchivePaths == nil {
		return nil
	}
	if directory == "" {
		var err error
		if directory, err = os.Getwd(); err != nil {
			return fmt.Errorf("failed to find the working directory: %w", err)
		}
	}
	if state.AssetPaths != nil {
		assets, err := find(directory, *state.AssetPaths)
		if err != nil {
			return err
		}
		state.Assets = &assets
	}
	if state.ArchivePaths != nil {
		found, err := find(directory, *state.ArchivePaths)
		if err != nil {
			return err
		}
		members := make(map[string]any, len(found))
		for path, file := range found {
			members[path] = file
		}
		if state.Archive, err = archive.FromAssets(members); err != nil {
			return fmt.Errorf("failed to make the archive of %s: %w", directory, err)
		}
	}
	return nil
}

// rule is one glob; `*` stops at a slash and `**` does not.
type rule struct {
	pattern glob.Glob
	exclude bool
}

// find returns the files below the directory that the globs choose, by slash-separated relative path.
//
// The globs apply in their order, so an exclusion takes out only what an earlier one chose.
func find(directory string, globs []string) (map[string]*asset.Asset, error) {
	rules := make([]rule, 0, len(globs))
	for _, text := range globs {
		pattern, exclude := strings.CutPrefix(text, "!")
		compiled, err := glob.Compile(pattern, '/')
		if err != nil {
			return nil, fmt.Errorf("failed to read the path glob %q: %w", text, err)
		}
		rules = append(rules, rule{compiled, exclude})
	}

	found := map[string]*asset.Asset{}
	err := fs.WalkDir(os.DirFS(directory), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !chosen(path, rules) {
			return err
		}
		found[path], err = asset.FromPath(filepath.Join(directory, filepath.FromSlash(path)))
		return err
	})
	return found, err
}

func chosen(path string, rules []rule) bool {
	result := false
	for _, rule := range rules {
		if rule.pattern.Match(path) {
			result = !rule.exclude
		}
	}
	return result
}
