export { dashboardRoutes, type DashboardOptions } from './dashboard-routes.ts';
export { createDashboardServer } from './dashboard-server.ts';
