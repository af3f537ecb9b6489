//go:build never

// Package deploy keeps in go.mod what no Go of this project imports.
package deploy

import _ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
