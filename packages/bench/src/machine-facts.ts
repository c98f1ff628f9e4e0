/** The machine of the measurement, for reports. */
import { cpus, totalmem } from 'node:os';

export interface MachineFacts {
  cores: number;
  cpu: string;
  memoryBytes: number;
  platform: string;
  node: string;
}

export function machineFacts(): MachineFacts {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? '',
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  };
}
