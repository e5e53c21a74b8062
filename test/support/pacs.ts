/** A PACS of pynetdicom that misbehaves as it is told, one order for each association or instance; what it saw is noted in order. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { eventually } from './ichor.ts';
import { requirePython } from './python.ts';

export type PacsOptions = {
  readonly port: number;
  /** SOP Classes that it accepts; SR and SC unless given. */
  readonly classes?: readonly string[];
  /** Statuses of the C-STORE responses, in order; the last one stands for all that follow. Or what it does instead of answering. */
  readonly answers?: readonly (number | 'abort' | 'hang')[];
  /** What becomes of a commitment request: reported to this port, or accepted and never reported. */
  readonly commitment?:
    | { readonly reportPort: number; readonly fail: number }
    /** Reported on the association of the request (the ends of associations are noted too); or refused so many times first. */
    | { readonly sameAssociation: true; readonly fail: number }
    | { readonly refuse: number; readonly status: number }
    | 'silent';
  /** Takes storage in Implicit VR Little Endian only. */
  readonly implicitOnly?: boolean;
  /** Where what was stored is kept, as Part 10 files. */
  readonly keepIn?: string;
  /** The answer to the first instance is about another one. */
  readonly answersForAnother?: boolean;
};
export type PacsEvent = {
  readonly event: 'associated' | 'stored' | 'aborted' | 'hanging' | 'commitment' | 'reported' | 'released' | 'lost';
  readonly uid?: string;
};
export type Pacs = { readonly events: PacsEvent[]; stop(): Promise<void> };

/** Listens when this returns. */
export async function startPacs(options: PacsOptions): Promise<Pacs> {
  const child = spawn(requirePython(), ['-c', PACS, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const events: PacsEvent[] = [];
  let listening = false;
  createInterface(child.stdout).on('line', (line) => {
    if (line === 'listening') listening = true;
    else events.push(JSON.parse(line) as PacsEvent);
  });
  await eventually('the PACS', async () => listening);
  return {
    events,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const PACS = `
import json, sys, threading, time
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

options = json.loads(sys.argv[1])
answers = options.get('answers') or [0]
commitment = options.get('commitment')
stored = 0

def note(event, **facts):
    print(json.dumps(dict(event=event, **facts)), flush=True)

def on_store(event):
    global stored
    answer = answers[min(stored, len(answers) - 1)]
    stored += 1
    uid = event.request.AffectedSOPInstanceUID
    if answer == 'hang':
        note('hanging', uid=uid)
        time.sleep(3600)
    if answer == 'abort':
        note('aborted', uid=uid)
        event.assoc.abort()
        return 0xC000
    note('stored', uid=uid)
    if options.get('keepIn'):
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        dataset.save_as(options['keepIn'] + '/' + uid + '.dcm', enforce_file_format=True)
    status = Dataset()
    status.Status = answer
    if options.get('answersForAnother') and stored == 1: status.AffectedSOPInstanceUID = '1.2.3.4'
    if answer >= 0xA000: status.ErrorComment = 'as it was told'
    return status

def associated():
    ae = AE('PACS')
    ae.add_requested_context(StorageCommitmentPushModel, [ImplicitVRLittleEndian])
    return ae.associate('127.0.0.1', commitment['reportPort'], ae_title='ICHOR',
                        ext_neg=[build_role(StorageCommitmentPushModel, scp_role=True)])

def report(request, own):
    assoc = own or associated()
    items = list(request.ReferencedSOPSequence)
    answer = Dataset()
    answer.TransactionUID = request.TransactionUID
    failed = items[:commitment['fail']]
    for item in failed: item.FailureReason = 0x0110
    if items[len(failed):]: answer.ReferencedSOPSequence = items[len(failed):]
    if failed: answer.FailedSOPSequence = failed
    commitment['fail'] = 0
    status, _ = assoc.send_n_event_report(answer, 2 if failed else 1, StorageCommitmentPushModel, '1.2.840.10008.1.20.1.1')
    note('reported', uid='%04x' % status.Status)
    if own is None: assoc.release()

def on_action(event):
    note('commitment')
    if commitment != 'silent' and commitment.get('refuse', 0) > 0:
        commitment['refuse'] -= 1
        return commitment['status'], None
    if commitment != 'silent' and 'fail' in commitment:
        own = event.assoc if commitment.get('sameAssociation') else None
        threading.Timer(0.05 if own else 0.3, report, [event.action_information, own]).start()
    return 0, None

def tell_end(how):
    if commitment not in (None, 'silent') and commitment.get('sameAssociation'): note(how)

ae = AE('PACS')
ae.add_supported_context(Verification)
for uid in options.get('classes') or ['1.2.840.10008.5.1.4.1.1.88.34', '1.2.840.10008.5.1.4.1.1.7']:
    ae.add_supported_context(uid, [ImplicitVRLittleEndian if options.get('implicitOnly') else ExplicitVRLittleEndian])
if commitment: ae.add_supported_context(StorageCommitmentPushModel, [ImplicitVRLittleEndian])
handlers = [(evt.EVT_ACCEPTED, lambda event: note('associated')), (evt.EVT_C_STORE, on_store), (evt.EVT_N_ACTION, on_action),
            (evt.EVT_RELEASED, lambda event: tell_end('released')), (evt.EVT_ABORTED, lambda event: tell_end('lost'))]
ae.start_server(('127.0.0.1', options['port']), block=False, evt_handlers=handlers)
print('listening', flush=True)
threading.Event().wait()
`;
