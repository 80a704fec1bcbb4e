// Istio's istiod, for tests: it reads files instead of a Kubernetes cluster.
//
//	istiod discovery …      Istio's own pilot-discovery, unchanged
//	istiod wasm-plugins …   the same server with WasmPlugins, which pilot-discovery only reads from Kubernetes
package main

import (
	"flag"
	"os"

	"istio.io/istio/pilot/cmd/pilot-discovery/app"
	"istio.io/istio/pilot/pkg/bootstrap"
	"istio.io/istio/pilot/pkg/config/kube/extensions"
	"istio.io/istio/pilot/pkg/config/kube/file"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/cmd"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/log"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "wasm-plugins" {
		if err := withWasmPlugins(os.Args[2:]); err != nil {
			log.Error(err)
			os.Exit(1)
		}
		return
	}
	log.EnableKlogWithCobra()
	if err := app.NewRootCommand().Execute(); err != nil {
		log.Error(err)
		os.Exit(1)
	}
}

// Istio converts WasmPlugins into TrafficExtensions in a controller that it starts only with Kubernetes. Here the same
// controller gets the WasmPlugins of a folder.
func withWasmPlugins(arguments []string) error {
	args := bootstrap.NewPilotArgs()
	flags := flag.NewFlagSet("wasm-plugins", flag.ExitOnError)
	flags.StringVar(&args.ServerOptions.GRPCAddr, "grpcAddr", "", "")
	flags.StringVar(&args.ServerOptions.HTTPAddr, "httpAddr", "", "")
	flags.StringVar(&args.ServerOptions.MonitoringAddr, "monitoringAddr", "", "")
	flags.StringVar(&args.MeshConfigFile, "meshConfig", "", "")
	folder := flags.String("configDir", "", "")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if err := log.Configure(log.DefaultOptions()); err != nil {
		return err
	}
	options := &args.RegistryOptions.KubeOptions
	options.DomainSuffix = "cluster.local"
	options.ClusterID = "Kubernetes"
	if err := args.Complete(); err != nil {
		return err
	}
	files, err := file.NewController(*folder, options.DomainSuffix, collections.Pilot, *options)
	if err != nil {
		return err
	}
	server, err := bootstrap.NewServer(args, func(s *bootstrap.Server) {
		converter := extensions.NewController(files, updates{server: s}, args.KrtDebugger)
		s.ConfigStores = append(s.ConfigStores, files, converter)
	})
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	if err := server.Start(stop); err != nil {
		return err
	}
	cmd.WaitSignal(stop)
	server.WaitUntilCompletion()
	return nil
}

// Passes on what the controller reports. The server exists only after the controller.
type updates struct {
	model.XDSUpdater
	server *bootstrap.Server
}

func (u updates) ConfigUpdate(request *model.PushRequest) {
	if u.server.XDSServer != nil {
		u.server.XDSServer.ConfigUpdate(request)
	}
}
