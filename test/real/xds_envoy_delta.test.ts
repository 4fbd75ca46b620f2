import { runsAgainstEnvoy } from "./xds_envoy.ts";

runsAgainstEnvoy("DELTA_GRPC");
