/** The dataset of a C-STORE request, from its file. */
import { toImplicitVr } from '@ichor/dicom/implicitVr';
import type { InstanceFile } from './instanceFile.ts';
import { Dataset } from './library.ts';

/** @param transferSyntaxUid that of the file, or Implicit VR Little Endian */
export const fileDataset = (file: InstanceFile, transferSyntaxUid: string): InstanceType<typeof Dataset> =>
  new FileDataset(file, transferSyntaxUid);

/** A dataset that is never parsed nor encoded again: its values are those of the file. */
class FileDataset extends Dataset {
  readonly #file: InstanceFile;
  constructor(file: InstanceFile, transferSyntaxUid: string) {
    super({ SOPClassUID: file.sopClassUid, SOPInstanceUID: file.sopInstanceUid }, transferSyntaxUid);
    this.#file = file;
  }
  /** The whole dataset; a deflated one of odd length gets the padding that PS3.5 §A.5 asks for. */
  override getDenaturalizedDataset(): Buffer {
    const bytes = this.#file.bytes().subarray(this.#file.datasetOffset);
    if (this.getTransferSyntaxUid() !== this.#file.transferSyntaxUid) return toImplicitVr(bytes);
    return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
  }
}
