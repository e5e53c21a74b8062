/** Orthanc as the hospital's PACS: a real peer with DICOMweb, auto-forward and storage commitment. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export type OrthancOptions = {
  readonly dir: string;
  readonly aeTitle?: string;
  readonly dicomPort: number;
  readonly httpPort: number;
  /** Where ICHOR listens; the PACS reports storage commitment there. */
  readonly ichorPort: number;
  /** Forward every stable CT series to ICHOR, as a hospital's routing rule does. */
  readonly autoForward?: boolean;
};

export type Orthanc = {
  readonly pid: number;
  readonly url: string;
  readonly aeTitle: string;
  readonly dicomPort: number;
  readonly httpPort: number;
  /** GET of the REST API, parsed. */
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  /** Bytes of a stored instance by SOP Instance UID. */
  instance(sopInstanceUid: string): Promise<Buffer>;
  stop(signal?: NodeJS.Signals): Promise<void>;
};

const FORWARD = `
function OnStableSeries(seriesId, tags, metadata)
  if tags['Modality'] ~= 'CT' or metadata['RemoteAET'] == 'ICHOR' then return end
  RestApiPost('/modalities/ichor/store', '{"Resources":["' .. seriesId .. '"],"Synchronous":false}')
end
`;

/** Starts Orthanc in `dir` and waits until its REST API answers. */
export async function startOrthanc(options: OrthancOptions): Promise<Orthanc> {
  const aeTitle = options.aeTitle ?? 'HOSPPACS';
  await mkdir(join(options.dir, 'db'), { recursive: true });
  await writeFile(join(options.dir, 'forward.lua'), FORWARD);
  await writeFile(join(options.dir, 'orthanc.json'), JSON.stringify(configuration(options, aeTitle)));
  const child = spawn('Orthanc', [join(options.dir, 'orthanc.json')], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${options.httpPort}`;
  await untilItAnswers(url, child);
  const request = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const answer = await fetch(url + path, init);
    if (!answer.ok) throw new Error(`Orthanc ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  return {
    pid: child.pid!,
    url,
    aeTitle,
    dicomPort: options.dicomPort,
    httpPort: options.httpPort,
    get: (path) => request(path),
    post: (path, body) => request(path, { method: 'POST', body: JSON.stringify(body) }),
    async instance(sopInstanceUid) {
      const [id] = await request<string[]>('/tools/find', {
        method: 'POST',
        body: JSON.stringify({ Level: 'Instance', Query: { SOPInstanceUID: sopInstanceUid } }),
      });
      return Buffer.from(await (await fetch(`${url}/instances/${id}/file`)).arrayBuffer());
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await once(child, 'exit');
    },
  };
}

function configuration(options: OrthancOptions, aeTitle: string) {
  const modality = (aet: string, port: number) => ({
    AET: aet,
    Host: '127.0.0.1',
    Port: port,
    AllowEcho: true,
    AllowStore: true,
    AllowFind: true,
    AllowMove: true,
    AllowStorageCommitment: true,
    AllowTranscoding: false,
    Timeout: 20,
  });
  return {
    Name: aeTitle,
    StorageDirectory: join(options.dir, 'db'),
    IndexDirectory: join(options.dir, 'db'),
    Plugins: ['/usr/share/orthanc/plugins/libOrthancDicomWeb.so'],
    LuaScripts: options.autoForward ? [join(options.dir, 'forward.lua')] : [],
    HttpPort: options.httpPort,
    RemoteAccessAllowed: false,
    AuthenticationEnabled: false,
    DicomAet: aeTitle,
    DicomPort: options.dicomPort,
    DicomAlwaysAllowEcho: true,
    DicomAlwaysAllowStore: true,
    StableAge: 2,
    ConcurrentJobs: 4,
    OverwriteInstances: true,
    StorageCommitmentReportsSize: 1000,
    DicomModalities: { ichor: modality('ICHOR', options.ichorPort) },
    DicomWeb: {
      Enable: true,
      Root: '/dicom-web/',
      EnableWado: true,
      WadoRoot: '/wado',
      Host: '127.0.0.1',
      Ssl: false,
      StudiesMetadata: 'Full',
      SeriesMetadata: 'Full',
    },
  };
}

async function untilItAnswers(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (child.exitCode !== null) throw new Error(`Orthanc ended with ${child.exitCode} at start`);
    const answer = await fetch(`${url}/system`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill('SIGKILL');
  throw new Error(`Orthanc does not answer at ${url}`);
}
