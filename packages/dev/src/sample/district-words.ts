/** The names and terms of which the sample district is made. */

export const SCHOOL_YEAR = 2026;
export const DISTRICT_ID = 255900;

export const gradeLevels = 'Ninth grade, Tenth grade, Eleventh grade, Twelfth grade'.split(', ');
export const attendanceCategories = 'Excused Absence, Unexcused Absence, Tardy, Early departure'.split(', ');
export const absenceReasons =
  'Medical appointment; Illness, reported by a parent; Late bus; Family event, announced'.split('; ');
export const firstNames =
  'Ada, Bram, Carmen, Dmitri, Elif, Farid, Grace, Hugo, Ines, Jamal, Keiko, Liam'.split(', ');
export const lastNames =
  'Abara, Brandt, Castillo, Dyer, Eklund, Fofana, Greer, Haddad, Ito, Jansen, Kaur'.split(', ');
export const streets =
  'Alder Street, Bridge Road, Canal Street, Dover Lane, Elm Avenue, Foundry Row, Garden Way'.split(', ');
export const schoolNames =
  'Lakeside, Northgate, Riverbend, Summit, Westfield, Harbor, Orchard, Prairie'.split(', ');

export const courses = [
  ['ALG-1', 'Algebra I', 'Linear equations, inequalities, and functions and their graphs.'],
  ['GEOM', 'Geometry', 'Congruence, similarity and proof in the plane and in space.'],
  ['ENG-1', 'English Language Arts I', 'Reading of stories, essays and poems; writing of several drafts.'],
  ['ENG-2', 'English Language Arts II', 'Argument and rhetoric, with a research paper in the spring.'],
  ['BIO', 'Biology', 'Cells, heredity, evolution and ecosystems, with weekly laboratory work.'],
  ['CHEM', 'Chemistry', 'Structure of matter, bonding, reactions and their rates.'],
  ['HIST-W', 'World History', 'From the first cities to the present, by way of trade and empire.'],
  ['GOV', 'Government', 'Institutions, elections and the rights and duties of a citizen.'],
  ['ART-1', 'Art I', 'Drawing, printmaking and clay; a portfolio at the end of each term.'],
  ['PE', 'Physical Education', 'Team and single sports, endurance, and first aid.'],
] as const;

export const sessions = [
  {
    sessionName: '2025-2026 Fall Semester',
    short: 'F',
    beginDate: '2025-08-25',
    endDate: '2025-12-19',
    days: 81,
  },
  {
    sessionName: '2025-2026 Spring Semester',
    short: 'S',
    beginDate: '2026-01-06',
    endDate: '2026-05-29',
    days: 98,
  },
] as const;

export const gradeLevelDescriptor = (codeValue: string) =>
  `uri://sample.org/GradeLevelDescriptor#${codeValue}`;
export const attendanceDescriptor = (codeValue: string) =>
  `uri://sample.org/AttendanceCategoryDescriptor#${codeValue}`;
