// Istio's istiod, for tests: the server of pilot-discovery, with objects from files instead of a Kubernetes cluster.
//
//	istiod discovery …      reads the folders of the mesh configuration's `configSources`, as pilot-discovery does
//	istiod wasm-plugins …   reads --configDir, and converts WasmPlugins, which pilot-discovery does only for Kubernetes
package main

import (
	"flag"
	"os"
	"reflect"
	"unsafe"

	"istio.io/istio/pilot/pkg/bootstrap"
	"istio.io/istio/pilot/pkg/config/kube/extensions"
	"istio.io/istio/pilot/pkg/config/kube/file"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/cmd"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/log"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		log.Error(err)
		os.Exit(1)
	}
}

func run(mode string, arguments []string) error {
	args := bootstrap.NewPilotArgs()
	flags := flag.NewFlagSet(mode, flag.ExitOnError)
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
	args.ServerOptions.TLSOptions.TLSMinVersion = bootstrap.TLSMinVersion1_2
	options := &args.RegistryOptions.KubeOptions
	options.DomainSuffix = "cluster.local"
	options.ClusterID = "Kubernetes"
	if err := args.Complete(); err != nil {
		return err
	}
	prepare := []func(*bootstrap.Server){withoutCluster}
	if mode == "wasm-plugins" {
		files, err := file.NewController(*folder, options.DomainSuffix, collections.Pilot, *options)
		if err != nil {
			return err
		}
		prepare = append(prepare, func(s *bootstrap.Server) {
			converter := extensions.NewController(files, updates{server: s}, args.KrtDebugger)
			s.ConfigStores = append(s.ConfigStores, files, converter)
		})
	}
	server, err := bootstrap.NewServer(args, prepare...)
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

// Gives the server a client of an empty cluster. Without any client, istiod 1.31.1 doesn't start. The server has no
// setter for it.
func withoutCluster(s *bootstrap.Server) {
	field := reflect.ValueOf(s).Elem().FieldByName("kubeClient")
	client := reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
	client.Set(reflect.ValueOf(kube.NewFakeClient()))
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
