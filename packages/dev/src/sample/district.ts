/**
 * A fictional school district, for demonstrations and load: documents of the sample model, all valid, in an order in
 * which each follows the documents that it refers to. The same seed gives the same district.
 */
import { fileURLToPath } from 'node:url';
import { Draw } from '@sluice/server/cli';

/** The sample model in native form, to be read with `readModel`. */
export const sampleModelFile = fileURLToPath(new URL('./sample-model.json', import.meta.url));

export interface DistrictOptions {
  /** The same seed gives the same documents. */
  seed: number;
  /** @default 4 */
  schools?: number;
  /** @default 150 */
  studentsPerSchool?: number;
}

export interface DistrictDocument {
  endpoint: string;
  document: object;
}

const SCHOOL_YEAR = 2026;
const DISTRICT_ID = 255900;
const SECTIONS_PER_STUDENT = 4;
const ABSENCES_PER_STUDENT = 2;

const gradeLevels = ['Ninth grade', 'Tenth grade', 'Eleventh grade', 'Twelfth grade'];
const attendanceCategories = ['Excused Absence', 'Unexcused Absence', 'Tardy', 'Early departure'];
const absenceReasons = [
  'Medical appointment',
  'Illness, reported by a parent',
  'Late bus',
  'Family event, announced',
];
const firstNames = [
  'Ada',
  'Bram',
  'Carmen',
  'Dmitri',
  'Elif',
  'Farid',
  'Grace',
  'Hugo',
  'Ines',
  'Jamal',
  'Keiko',
  'Liam',
];
const lastNames = [
  'Abara',
  'Brandt',
  'Castillo',
  'Dyer',
  'Eklund',
  'Fofana',
  'Greer',
  'Haddad',
  'Ito',
  'Jansen',
  'Kaur',
];
const streets = [
  'Alder Street',
  'Bridge Road',
  'Canal Street',
  'Dover Lane',
  'Elm Avenue',
  'Foundry Row',
  'Garden Way',
];
const schoolNames = [
  'Lakeside',
  'Northgate',
  'Riverbend',
  'Summit',
  'Westfield',
  'Harbor',
  'Orchard',
  'Prairie',
];

const courses = [
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

const sessions = [
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

const gradeLevelDescriptor = (codeValue: string) => `uri://sample.org/GradeLevelDescriptor#${codeValue}`;
const attendanceDescriptor = (codeValue: string) =>
  `uri://sample.org/AttendanceCategoryDescriptor#${codeValue}`;

export function* generateDistrict(options: DistrictOptions): Iterable<DistrictDocument> {
  const { schools = 4, studentsPerSchool = 150 } = options;
  const draw = new Draw(options.seed);
  yield* districtWide(draw);
  for (let school = 0; school < schools; school++) {
    const schoolId = DISTRICT_ID * 1000 + school + 1;
    yield* oneSchool(draw, school, schoolId);
    for (let student = 0; student < studentsPerSchool; student++) {
      yield* oneStudent(draw, schoolId, String(600_000 + school * studentsPerSchool + student));
    }
  }
}

function* districtWide(draw: Draw): Iterable<DistrictDocument> {
  yield* descriptors('GradeLevelDescriptor', 'sample/gradeLevelDescriptors', gradeLevels);
  yield* descriptors(
    'AttendanceCategoryDescriptor',
    'sample/attendanceCategoryDescriptors',
    attendanceCategories,
  );
  for (const schoolYear of [SCHOOL_YEAR - 1, SCHOOL_YEAR, SCHOOL_YEAR + 1]) {
    const schoolYearDescription = `${schoolYear - 1}-${schoolYear}`;
    const document = { schoolYear, schoolYearDescription, currentSchoolYear: schoolYear === SCHOOL_YEAR };
    yield { endpoint: 'sample/schoolYearTypes', document };
  }
  yield {
    endpoint: 'sample/localEducationAgencies',
    document: {
      localEducationAgencyId: DISTRICT_ID,
      nameOfInstitution: 'Millbrook Unified School District',
      webSite: 'https://www.millbrook.example',
      addresses: [addressOf(draw)],
    },
  };
  for (const [courseCode, courseTitle, courseDescription] of courses) {
    yield {
      endpoint: 'sample/courses',
      document: {
        courseCode,
        educationOrganizationReference: { educationOrganizationId: DISTRICT_ID },
        courseTitle,
        courseDescription,
        numberOfParts: 1,
        offeredGradeLevels: gradeLevels.map((level) => ({
          gradeLevelDescriptor: gradeLevelDescriptor(level),
        })),
      },
    };
  }
}

function* descriptors(
  name: string,
  endpoint: string,
  codeValues: readonly string[],
): Iterable<DistrictDocument> {
  for (const codeValue of codeValues) {
    const document = {
      namespace: `uri://sample.org/${name}`,
      codeValue,
      shortDescription: codeValue,
      description: codeValue,
    };
    yield { endpoint, document };
  }
}

function* oneSchool(draw: Draw, number: number, schoolId: number): Iterable<DistrictDocument> {
  const name = `${schoolNames[number % schoolNames.length]}${number < schoolNames.length ? '' : ` ${number + 1}`}`;
  yield {
    endpoint: 'sample/schools',
    document: {
      schoolId,
      nameOfInstitution: `${name} High School`,
      shortNameOfInstitution: name,
      webSite: `https://school${number + 1}.millbrook.example`,
      localEducationAgencyReference: { localEducationAgencyId: DISTRICT_ID },
      addresses: [addressOf(draw)],
      gradeLevels: gradeLevels.map((level) => ({ gradeLevelDescriptor: gradeLevelDescriptor(level) })),
    },
  };
  for (const { sessionName, beginDate, endDate, days } of sessions) {
    yield {
      endpoint: 'sample/sessions',
      document: {
        sessionName,
        schoolReference: { schoolId },
        schoolYearTypeReference: { schoolYear: SCHOOL_YEAR },
        beginDate,
        endDate,
        totalInstructionalDays: days,
      },
    };
  }
  for (const session of sessions) {
    for (const [period, [courseCode, courseTitle]] of courses.entries()) {
      const hour = String(8 + (period % 8)).padStart(2, '0');
      yield {
        endpoint: 'sample/sections',
        document: {
          sectionIdentifier: sectionIdentifier(schoolId, session.short, courseCode),
          sectionName: `${courseTitle}, period ${(period % 8) + 1}`,
          sessionReference: { schoolId, schoolYear: SCHOOL_YEAR, sessionName: session.sessionName },
          courseReference: { courseCode, educationOrganizationId: DISTRICT_ID },
          availableCredits: draw.one([0.5, 1]),
          maximumNumberOfSeats: 20 + draw.below(15),
          classPeriods: [
            {
              classPeriodName: `Period ${(period % 8) + 1}`,
              startTime: `${hour}:05:00`,
              endTime: `${hour}:55:00`,
            },
          ],
          location: { classroomIdentificationCode: `${draw.one(['A', 'B', 'C'])}${101 + draw.below(40)}` },
        },
      };
    }
  }
}

function* oneStudent(draw: Draw, schoolId: number, studentUniqueId: string): Iterable<DistrictDocument> {
  const studentReference = { studentUniqueId };
  const grade = draw.below(gradeLevels.length);
  const [firstName, lastSurname] = [draw.one(firstNames), draw.one(lastNames)];
  yield {
    endpoint: 'sample/students',
    document: {
      studentUniqueId,
      firstName,
      middleName: draw.one(firstNames),
      lastSurname,
      birthDate: dayAfter(`${SCHOOL_YEAR - 16 - grade}-09-01`, draw.below(365)),
      birthCity: draw.one(['Millbrook', 'Ashford', 'Kingsport', 'Salem']),
      electronicMails: [
        {
          electronicMailAddress:
            `${firstName}.${lastSurname}.${studentUniqueId}@students.millbrook.example`.toLowerCase(),
          primaryEmailAddressIndicator: true,
        },
      ],
      addresses: [addressOf(draw)],
    },
  };
  const entryDate = sessions[0].beginDate;
  yield {
    endpoint: 'sample/enrollments',
    document: {
      entryDate,
      schoolReference: { schoolId },
      studentReference,
      schoolYearTypeReference: { schoolYear: SCHOOL_YEAR },
      entryGradeLevelDescriptor: gradeLevelDescriptor(gradeLevels[grade]!),
      primarySchool: true,
      fullTimeEquivalency: draw.one([1, 1, 1, 0.5]),
    },
  };

  // Neighbours in the list of courses, so that no course is taken twice.
  const firstCourse = draw.below(courses.length);
  const session = draw.one(sessions);
  const { sessionName } = session;
  for (let index = 0; index < SECTIONS_PER_STUDENT; index++) {
    const [courseCode] = courses[(firstCourse + index) % courses.length]!;
    yield {
      endpoint: 'sample/studentSectionAssociations',
      document: {
        beginDate: session.beginDate,
        endDate: session.endDate,
        studentReference,
        sectionReference: {
          sectionIdentifier: sectionIdentifier(schoolId, session.short, courseCode),
          schoolId,
          schoolYear: SCHOOL_YEAR,
          sessionName,
        },
        homeroomIndicator: index === 0,
      },
    };
  }
  let day = 0;
  for (let index = 0; index < ABSENCES_PER_STUDENT; index++) {
    day += 1 + draw.below(40);
    yield {
      endpoint: 'sample/studentSchoolAttendanceEvents',
      document: {
        attendanceCategoryDescriptor: attendanceDescriptor(draw.one(attendanceCategories)),
        attendanceEventReason: draw.one(absenceReasons),
        eventDate: dayAfter(session.beginDate, day),
        eventDuration: draw.one([0.25, 0.5, 1]),
        schoolReference: { schoolId },
        sessionReference: { schoolId, schoolYear: SCHOOL_YEAR, sessionName },
        studentReference,
      },
    };
  }
}

const sectionIdentifier = (schoolId: number, session: string, courseCode: string) =>
  `${schoolId}-${SCHOOL_YEAR}${session}-${courseCode}`;

const addressOf = (draw: Draw) => ({
  streetNumberName: `${1 + draw.below(999)} ${draw.one(streets)}`,
  city: 'Millbrook',
  postalCode: String(78_950 + draw.below(40)),
  stateAbbreviation: 'TX',
});

function dayAfter(date: string, days: number): string {
  return new Date(Date.parse(date) + days * 86_400_000).toISOString().slice(0, 10);
}
