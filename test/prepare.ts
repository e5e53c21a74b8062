/**
 * Brings what the tests stand on: real peers from Debian's packages and an independent Python stack.
 * Installs what is missing when it may (root with apt-get; pip in `.venv`); otherwise names exactly what is missing
 * and how to get it, and exits with 1: a test is never skipped in silence.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** Program that must be there → Debian package that brings it. */
const PEERS: Readonly<Record<string, string>> = {
  Orthanc: 'orthanc',
  storescu: 'dcmtk',
  dciodvfy: 'dicom3tools',
  java: 'default-jre-headless',
  jing: 'jing',
  gdcmconv: 'libgdcm-tools',
  'redis-server': 'redis-server',
  chromium: 'chromium',
};
/** Files that no program on the path stands for. */
const PEER_FILES: Readonly<Record<string, string>> = {
  '/usr/lib/postgresql/15/bin/postgres': 'postgresql-15',
  '/usr/share/java/pixelmed.jar': 'pixelmed-apps',
  '/usr/share/orthanc/plugins/libOrthancDicomWeb.so': 'orthanc-dicomweb',
};
const REQUIREMENTS = join(ROOT, 'training', 'requirements.txt');

/** The viewer that the reports are opened in: unpacked only, since its own dependencies are not needed to serve its build. */
const VIEWER = '@ohif/app@3.13.2';
const VIEWER_FOLDER = join(ROOT, 'test-output', 'peers', 'ohif');

const missing = missingPackages();
if (missing.length > 0) installPackages(missing);
const stillMissing = missingPackages();
if (stillMissing.length > 0)
  fail(`these Debian packages are missing: ${stillMissing.join(' ')}`, `apt-get install ${stillMissing.join(' ')}`);
if (pythonOf() === null) installPython();
if (pythonOf() === null)
  fail(
    'the Python packages of training/requirements.txt are missing',
    'python3 -m venv .venv && .venv/bin/pip install -r training/requirements.txt',
  );
if (!existsSync(VIEWER_FOLDER)) fetchViewer();
if (!existsSync(VIEWER_FOLDER))
  fail(`the viewer ${VIEWER} is missing`, `npm pack ${VIEWER}, unpacked into ${VIEWER_FOLDER}`);
console.log('prepare: peers, viewer and Python packages are there');

function missingPackages(): string[] {
  const programs = Object.entries(PEERS).filter(
    ([program]) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  );
  const files = Object.entries(PEER_FILES).filter(([file]) => !existsSync(file));
  return [...new Set([...programs, ...files].map(([, name]) => name))];
}

function installPackages(names: readonly string[]): void {
  const mayInstall = process.getuid?.() === 0 && spawnSync('sh', ['-c', 'command -v apt-get']).status === 0;
  if (!mayInstall) return;
  console.log(`prepare: installing ${names.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-q'], { stdio: ['ignore', 'ignore', 'inherit'], env });
  spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  });
}

/** The interpreter of the tests' virtual environment, when every requirement imports there. */
function pythonOf(): string | null {
  const python = process.env.ICHOR_PYTHON ?? join(ROOT, '.venv', 'bin', 'python');
  const imports =
    'import torch, numpy, pydicom, pynetdicom, highdicom, onnx, onnxruntime, openjpeg, libjpeg, sklearn, statsmodels, cv2, yaml, pytest, tqdm, PIL';
  return spawnSync(python, ['-c', imports]).status === 0 ? python : null;
}

function installPython(): void {
  if (process.env.ICHOR_PYTHON !== undefined) return;
  console.log('prepare: making .venv with training/requirements.txt');
  spawnSync('python3', ['-m', 'venv', join(ROOT, '.venv')], { stdio: 'inherit' });
  spawnSync(join(ROOT, '.venv', 'bin', 'pip'), ['install', '-q', '-r', REQUIREMENTS], { stdio: 'inherit' });
}

function fetchViewer(): void {
  console.log(`prepare: fetching ${VIEWER}`);
  const folder = join(ROOT, 'test-output', 'peers', 'download');
  mkdirSync(folder, { recursive: true });
  spawnSync('npm', ['pack', VIEWER, '--silent'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (archive === undefined) return;
  mkdirSync(VIEWER_FOLDER, { recursive: true });
  const options = ['--strip-components=1', '--exclude=*.map', '-C', VIEWER_FOLDER];
  const unpacked = spawnSync('tar', ['-xzf', join(folder, archive), ...options], { stdio: 'inherit' });
  if (unpacked.status !== 0) rmSync(VIEWER_FOLDER, { recursive: true });
  rmSync(folder, { recursive: true });
}

function fail(what: string, remedy: string): never {
  console.error(`prepare: ${what}.\n  Install them and run the tests again: ${remedy}`);
  process.exit(1);
}
