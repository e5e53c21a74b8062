/** What a header says of when and how a slice was acquired: by it two acquisitions in one series are told apart. */
import type { Dataset } from '@ichor/dicom/dataset';

export type ScanMarks = {
  /** Instance Number (0020,0013). */
  readonly instanceNumber: number | null;
  /** Acquisition DateTime (0008,002A), or Acquisition Date and Time, as text that sorts. */
  readonly acquiredAt: string | null;
  /** Attributes that one acquisition shares, by name; an attribute that is absent is left out. */
  readonly shared: Readonly<Record<string, string>>;
};

/** @param kernels convolution kernels, wherever the dataset has them */
export function scanMarksOf(dataset: Dataset, kernels: readonly string[]): ScanMarks {
  const shared = {
    'Convolution Kernel': kernels.length === 0 ? null : kernels.join(' '),
    'Irradiation Event UID': dataset.text('IrradiationEventUID'),
    'Acquisition UID': dataset.text('AcquisitionUID'),
    KVP: dataset.text('KVP'),
  };
  return {
    instanceNumber: dataset.number('InstanceNumber'),
    acquiredAt: acquiredAtOf(dataset),
    shared: Object.fromEntries(Object.entries(shared).filter((entry): entry is [string, string] => entry[1] !== null)),
  };
}

function acquiredAtOf(dataset: Dataset): string | null {
  const time = dataset.text('AcquisitionTime');
  return (
    dataset.text('AcquisitionDateTime') ?? (time === null ? null : `${dataset.text('AcquisitionDate') ?? ''}${time}`)
  );
}
