// A Landfall of its own for each test: a free port, an empty data directory, stopped afterwards.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const target = resolve(import.meta.dirname, "../../target");
const program = process.env.LANDFALL_BIN ?? join(target, "debug/landfall");
const site = process.env.LANDFALL_SITE ?? join(target, "site");

/** How long a server may take to say its address: it may have a lab to create first. */
const START_MS = 60_000;
/** How long it may take to stop before it is killed. */
const STOP_MS = 20_000;

export class Server {
  private constructor(
    /** `http://127.0.0.1:PORT`, without a slash at the end. */
    readonly url: string,
    readonly dataDir: string,
    private readonly child: ChildProcess,
    private readonly output: string[],
  ) {}

  /** Starts one on an empty data directory, or goes on with one that an earlier server left. */
  static async start(
    dataDir?: string,
    args: string[] = [],
    listen = "127.0.0.1:0",
    variables: Record<string, string> = {},
  ): Promise<Server> {
    const directory = dataDir ?? (await mkdtemp(join(tmpdir(), "landfall-e2e-")));
    const child = spawn(
      program,
      ["serve", "--listen", listen, "--data-dir", directory, "--site-dir", site, ...args],
      { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...variables } },
    );
    const output: string[] = [];
    createInterface({ input: child.stderr! }).on("line", (line) => output.push(line));
    const url = await addressOf(child, output);
    return new Server(url, directory, child, output);
  }

  /** Everything the server logged so far. */
  get log(): string {
    return this.output.join("\n");
  }

  /** Asks it to stop, as Ctrl-C does, and waits until it has. */
  async stop(): Promise<void> {
    await this.end("SIGTERM");
  }

  /** Ends it without a chance to tidy up. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  /** Stops it and removes its data. */
  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise<void>((done) => this.child.once("exit", () => done()));
    this.child.kill(signal);
    const patience = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(patience);
  }
}

function addressOf(child: ChildProcess, output: string[]): Promise<string> {
  return new Promise((found, failed) => {
    const fail = (why: string) => {
      child.kill("SIGKILL");
      failed(new Error(`${program} ${why}:\n${output.join("\n")}`));
    };
    const patience = setTimeout(() => fail("did not say its address"), START_MS);
    child.once("error", (error) => fail(`did not start (${error.message})`));
    child.once("exit", (code) => fail(`ended with ${code}`));
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const address = line.match(/^Landfall is at (http:\S+)$/)?.[1];
      if (address) {
        clearTimeout(patience);
        child.removeAllListeners("exit");
        found(address);
      }
    });
  });
}
