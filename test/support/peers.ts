/** Programs of Debian packages that tests talk to; `test/prepare.ts` installs them where it may. */
import { spawnSync } from 'node:child_process';

/** Program → Debian package that brings it. */
export const PEERS: Readonly<Record<string, string>> = {
  Orthanc: 'orthanc',
  storescu: 'dcmtk',
  storescp: 'dcmtk',
  echoscu: 'dcmtk',
  dcmdump: 'dcmtk',
  dsrdump: 'dcmtk',
  dciodvfy: 'dicom3tools',
  java: 'default-jre-headless',
  gdcmconv: 'libgdcm-tools',
  'redis-server': 'redis-server',
  chromium: 'chromium',
};

/** The program's name, once it is certain that it can be started. @throws Error naming the Debian package to install */
export function requirePeer(program: string): string {
  if (isInstalled(program)) return program;
  throw new Error(`${program} is not installed. Run: apt-get install ${PEERS[program] ?? program}`);
}

export const isInstalled = (program: string): boolean =>
  spawnSync('sh', ['-c', 'command -v "$0"', program]).status === 0;
