// Runs before each test file that shares a process: its numbers begin at 1 again, and the file before it has left nothing.

import { vi } from 'vitest';
import { restartNumbers } from './fresh.ts';

restartNumbers();
vi.restoreAllMocks();
vi.unstubAllEnvs();
vi.useRealTimers();
