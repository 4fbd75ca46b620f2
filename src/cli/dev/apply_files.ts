/** Applies a file or directory to the mesh that is being started, exactly as `meshctl apply -f PATH -R` would. */
import type { CliContext } from "../command.ts";
import { command as apply } from "../commands/apply.ts";
import { CommandFailure, exit } from "../exit.ts";
import { readOptions } from "../options.ts";
import type { ControlPlane } from "./control_plane.ts";

export interface ApplyOptions {
  readonly context: CliContext;
  readonly plane: ControlPlane;
  readonly path: string;
  /** Takes the warnings. */
  readonly say: (line: string) => void;
}

/** What is wrong with the files ends the start, with apply's own status and words. */
export async function applyFiles({ context, plane, path, say }: ApplyOptions): Promise<void> {
  const globals = { ...context.globals, namespace: "default", server: plane.mesh.nodes[0].api };
  const options = readOptions({ filename: [path], recursive: true });
  const status = await apply.run({ ...context, globals, out: () => {}, say }, { args: [], options });
  if (status !== exit.good) throw new CommandFailure(status, `${path} was not applied`);
}
