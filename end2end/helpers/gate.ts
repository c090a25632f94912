// What a health gate asks: a web server on loopback that is well or ill, as a test wants it.

import { type Server as Listener, createServer } from "node:http";
import type { AddressInfo } from "node:net";

export class Gate {
  /** It answers with 200 while it is well, with 503 otherwise. */
  well = true;

  private constructor(private readonly listener: Listener) {}

  static async start(): Promise<Gate> {
    const listener = createServer((_, answer) => {
      answer.writeHead(gate.well ? 200 : 503, { Connection: "close" }).end();
    });
    const gate = new Gate(listener);
    await new Promise<void>((bound) => listener.listen(0, "127.0.0.1", bound));
    return gate;
  }

  /** The gate as it is typed. */
  get url(): string {
    return `http://127.0.0.1:${(this.listener.address() as AddressInfo).port}/health`;
  }

  stop(): void {
    this.listener.close();
  }
}
