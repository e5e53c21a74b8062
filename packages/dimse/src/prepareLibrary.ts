/** What dcmjs-dimse must be told before it is used. Not done by an import: whoever opens an association calls this. */
import { createRequire } from 'node:module';
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from '@ichor/dicom/part10';
import { silenceDcmjs } from '@ichor/dicom/silenceDcmjs';
import dimse from 'dcmjs-dimse';

let prepared = false;

/**
 * The library writes every PDU to the console, and its dcmjs what it finds odd in a dataset, with its values: both fall silent. It
 * names our implementation in the associations that it accepts and opens (PS3.7 §D.3.3.2). Once is enough; more does nothing.
 */
export function prepareLibrary(): void {
  if (prepared) return;
  prepared = true;
  dimse.log.setLevel('silent');
  silenceDcmjs(createRequire(createRequire(import.meta.url).resolve('dcmjs-dimse'))('dcmjs'));
  dimse.Implementation.setImplementationClassUid(IMPLEMENTATION_CLASS_UID);
  dimse.Implementation.setImplementationVersion(IMPLEMENTATION_VERSION_NAME);
}
