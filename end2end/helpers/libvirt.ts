// Two real libvirt hosts and a VM that was failed over between them, where `cargo xtask test` made hosts.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "@playwright/test";

interface Line {
  prod: string;
  dr: string;
  virsh_dir: string;
  kernel: string;
  initrd: string;
}

/** The hosts; none where there can be none, which was said before the tests began. */
export const hosts: Line | undefined = process.env.LANDFALL_LIBVIRT ? JSON.parse(process.env.LANDFALL_LIBVIRT) : undefined;

/** How long an emulated guest may take. */
export const PATIENCE = 120_000;

/** An original that is off and its copy that runs and writes. */
export class RealVm {
  readonly folder = mkdtempSync(join(tmpdir(), "landfall-real-"));
  readonly replica: string;

  constructor(
    private readonly line: Line,
    readonly name: string,
  ) {
    this.replica = `${name}_replica`;
    for (const [uri, vm] of [[line.prod, name], [line.dr, this.replica]] as const) {
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", this.disk(vm), "64M"]);
      const xml = join(this.folder, `${vm}.xml`);
      writeFileSync(xml, this.domain(vm));
      this.virsh(uri, "define", xml);
    }
    this.virsh(line.dr, "start", this.replica);
  }

  disk(vm: string): string {
    return join(this.folder, `${vm}.qcow2`);
  }

  /** What a VM's guest said on its serial line. */
  said(vm: string): string {
    const log = join(this.folder, `${vm}.log`);
    return existsSync(log) ? readFileSync(log, "utf8") : "";
  }

  /** Waits until a guest wrote to its disk. */
  async ticks(vm: string): Promise<void> {
    await expect.poll(() => this.said(vm), { timeout: PATIENCE }).toContain("GUEST-TICK 2 ");
  }

  /** The image that a VM's disk is at. */
  newest(uri: string, vm: string): string {
    const row = this.virsh(uri, "domblklist", vm).split("\n").find((line) => line.trim().startsWith("vda"));
    return row?.trim().split(/\s+/)[1] ?? "";
  }

  virsh(uri: string, ...args: string[]): string {
    return execFileSync(join(this.line.virsh_dir, "virsh"), ["--quiet", "--connect", uri, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  }

  dispose(): void {
    for (const [uri, vm] of [[this.line.prod, this.name], [this.line.dr, this.replica]] as const) {
      for (const args of [["destroy", vm], ["undefine", vm]]) {
        try {
          this.virsh(uri, ...args);
        } catch {
          // It is off, or gone, already.
        }
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private domain(vm: string): string {
    return `<domain type='qemu'><name>${vm}</name><memory unit='MiB'>192</memory><vcpu>1</vcpu>
      <os><type arch='x86_64' machine='q35'>hvm</type><kernel>${this.line.kernel}</kernel>
      <initrd>${this.line.initrd}</initrd><cmdline>console=ttyS0 panic=-1 loglevel=3</cmdline></os>
      <features><acpi/></features><devices>
      <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${this.disk(vm)}'/>
      <target dev='vda' bus='virtio'/></disk>
      <serial type='file'><source path='${join(this.folder, `${vm}.log`)}' append='on'/></serial>
      </devices></domain>`;
  }
}
