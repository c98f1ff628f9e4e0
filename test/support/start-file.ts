// Runs before each test file that shares a process: its numbers begin at 1 again, and its database is new.

import { restartNumbers } from './fresh.ts';

restartNumbers();
