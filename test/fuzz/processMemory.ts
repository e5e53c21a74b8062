/** Memory of a process as the kernel counts it. */
import { readFileSync } from 'node:fs';

/** Resident bytes now; 0 when it has ended. */
export const residentBytes = (pid: number): number => field(pid, 'VmRSS');
/** The most that it ever had. */
export const peakBytes = (pid: number): number => field(pid, 'VmHWM');

function field(pid: number, name: string): number {
  try {
    const [, kibibytes] = new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kibibytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Process ids of the children of a process. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

export const mebibytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;
