import { runsAgainstEnvoy } from "./xds_envoy.ts";

runsAgainstEnvoy("GRPC");
